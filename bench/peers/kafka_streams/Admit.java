package bench;

import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/** Checks what comes, and passes it on by customer; what is no purchase without a key. */
final class Admit extends ContextualProcessor<String, byte[], String, byte[]> {
  private final Clock clock;

  Admit(Clock clock) {
    this.clock = clock;
  }

  @Override
  public void process(Record<String, byte[]> record) {
    clock.comes();
    String customerId = null;
    try {
      customerId = Purchase.parse(record.value()).customerId();
    } catch (Refused e) {
      clock.judged();
    }
    context().forward(record.withKey(customerId));
  }
}
