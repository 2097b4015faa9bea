package bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;

/** A change of segment as JSON. */
final class Change {
  private static final JsonFactory JSON = new JsonFactory();
  private static final String[] MEASURES = {"recency_days", "frequency", "monetary"};
  private static final int[][] THRESHOLDS = {{180, 60}, {2, 5}, {5000, 20000}}; // between scores 1 and 2, and 2 and 3
  private static final int[] PLACES = {100, 10, 1};
  private static final SerializedString CUSTOMER_ID = new SerializedString("customer_id");
  private static final SerializedString EFFECTIVE_AT = new SerializedString("effective_at");
  private static final SerializedString LAST_ORDER_AT = new SerializedString("last_order_at");

  private Change() {}

  /** The change of a customer who was just evaluated; for a first change, `was` is null and `before` is 0. */
  static byte[] json(String id, Customer customer, String was, int before, String is, String eventId) {
    ByteArrayBuilder bytes = new ByteArrayBuilder(512);
    try (JsonGenerator json = JSON.createGenerator(bytes)) {
      json.writeStartObject();
      json.writeFieldName(CUSTOMER_ID);
      json.writeString(id);
      json.writeNumberField("seq", customer.seq);
      json.writeStringField("from", was);
      json.writeStringField("to", is);
      json.writeStringField("from_cell", before == 0 ? null : Integer.toString(before));
      json.writeStringField("to_cell", Integer.toString(customer.cell));
      json.writeFieldName(EFFECTIVE_AT);
      json.writeString(Moments.text(customer.asOf));
      json.writeObjectFieldStart("cause");
      json.writeStringField("kind", eventId == null ? "time" : "purchase");
      if (eventId != null) json.writeStringField("event_id", eventId);
      json.writeEndObject();
      json.writeObjectFieldStart("facts");
      json.writeNumberField("recency_days", (customer.asOf - customer.last) / Customer.DAY);
      json.writeNumberField("frequency", customer.count);
      json.writeStringField("monetary", roubles(customer.monetary));
      json.writeStringField("currency", "RUB");
      json.writeFieldName(LAST_ORDER_AT);
      json.writeString(Moments.text(customer.last));
      json.writeEndObject();
      json.writeArrayFieldStart("why");
      if (before != 0) why(json, before, customer.cell);
      json.writeEndArray();
      json.writeStringField("policy", "retail-27@1");
      json.writeBooleanField("backfill", false);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** Writes each measure whose score changed, with its last crossed threshold. */
  private static void why(JsonGenerator json, int before, int now) throws IOException {
    for (int i = 0; i < MEASURES.length; i++) {
      int was = before / PLACES[i] % 10;
      int is = now / PLACES[i] % 10;
      if (was == is) continue;
      json.writeStartObject();
      json.writeStringField("measure", MEASURES[i]);
      json.writeNumberField("edge", THRESHOLDS[i][is < was ? is - 1 : is - 2]);
      json.writeNumberField("was", was);
      json.writeNumberField("is", is);
      json.writeEndObject();
    }
  }

  private static String roubles(long kopecks) {
    long rest = kopecks % 100;
    return kopecks / 100 + (rest < 10 ? ".0" : ".") + rest;
  }
}
