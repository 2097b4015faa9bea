package bench;

import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/** Checks records, and passes valid purchases on with the customer as key, others without a key. */
final class Admit extends ContextualProcessor<String, byte[], String, byte[]> {
  private final Clock clock;

  Admit(Clock clock) {
    this.clock = clock;
  }

  @Override
  public void process(Record<String, byte[]> record) {
    clock.recordArrives();
    String customerId = null;
    try {
      customerId = Purchase.parse(record.value()).customerId();
    } catch (Refused e) {
      clock.purchaseDone();
    }
    context().forward(record.withKey(customerId));
  }
}
