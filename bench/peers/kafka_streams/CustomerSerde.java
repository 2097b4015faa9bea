package bench;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** A customer in the store and its changelog: the numbers one after the other, then time and amount of each order. */
final class CustomerSerde {
  private static final int FIXED = 3 * Integer.BYTES + 2 * Long.BYTES;

  private CustomerSerde() {}

  static Serde<Customer> serde() {
    return Serdes.serdeFrom((topic, customer) -> bytes(customer), (topic, bytes) -> customer(bytes));
  }

  private static byte[] bytes(Customer customer) {
    if (customer == null) return null;
    ByteBuffer out = ByteBuffer.allocate(FIXED + 2 * Long.BYTES * customer.count);
    out.putInt(customer.seq).putInt(customer.lifetime).putInt(customer.cell).putLong(customer.asOf).putLong(customer.last);
    for (int i = 0; i < customer.count; i++) out.putLong(customer.times[i]).putLong(customer.amounts[i]);
    return out.array();
  }

  private static Customer customer(byte[] bytes) {
    if (bytes == null) return null;
    ByteBuffer in = ByteBuffer.wrap(bytes);
    Customer customer = new Customer();
    customer.seq = in.getInt();
    customer.lifetime = in.getInt();
    customer.cell = in.getInt();
    customer.asOf = in.getLong();
    customer.last = in.getLong();
    customer.count = in.remaining() / (2 * Long.BYTES);
    customer.times = new long[customer.count + 1]; // room for the next order
    customer.amounts = new long[customer.count + 1];
    for (int i = 0; i < customer.count; i++) {
      customer.times[i] = in.getLong();
      customer.monetary += customer.amounts[i] = in.getLong();
    }
    return customer;
  }
}
