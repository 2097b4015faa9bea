package bench;

import java.time.Duration;
import java.util.function.Consumer;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Applies each purchase to its customer, and forwards the changes. */
final class Segment extends ContextualProcessor<String, byte[], String, byte[]> {
  private final Clock clock;
  private KeyValueStore<String, Customer> customers;
  private Record<String, byte[]> record;
  private final Consumer<byte[]> out = change -> context().forward(record.withValue(change));
  private boolean committed;

  Segment(Clock clock) {
    this.clock = clock;
  }

  @Override
  public void init(ProcessorContext<String, byte[]> context) {
    super.init(context);
    customers = context.getStateStore(Segments.STORE);
    // Only for the clock: the last commit happens at once, not at the end of its interval.
    context.schedule(Duration.ofMillis(20), PunctuationType.WALL_CLOCK_TIME, now -> {
      if (!committed && clock.allDone()) {
        committed = true;
        context.commit();
      }
    });
  }

  @Override
  public void process(Record<String, byte[]> next) {
    clock.recordArrives();
    record = next;
    try {
      Purchase purchase = Purchase.parse(next.value());
      Customer customer = customers.get(purchase.customerId());
      if (customer == null) customer = new Customer();
      customer.fold(purchase, out);
      customers.put(purchase.customerId(), customer);
    } catch (Refused e) {
      System.err.println("refused: " + e.getMessage()); // impossible: the input is checked
    }
    clock.purchaseDone();
  }
}
