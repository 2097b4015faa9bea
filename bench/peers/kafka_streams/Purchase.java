package bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** The fields of a purchase that are used; `at` in milliseconds, `amount` in kopecks. */
record Purchase(String eventId, String customerId, long at, long amount) {
  private static final JsonFactory JSON = new JsonFactory();

  /** Parses and checks a purchase; other fields are skipped. */
  static Purchase parse(byte[] json) throws Refused {
    String eventId = null;
    String customerId = null;
    String orderId = null;
    String occurredAt = null;
    String amount = null;
    String currency = null;
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) throw new Refused("not an object");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        JsonToken value = parser.nextToken();
        switch (field) {
          case "event_id" -> eventId = text(parser, value, field);
          case "customer_id" -> customerId = text(parser, value, field);
          case "order_id" -> orderId = text(parser, value, field);
          case "occurred_at" -> occurredAt = text(parser, value, field);
          case "currency" -> currency = text(parser, value, field);
          case "amount" -> {
            if (value != JsonToken.VALUE_STRING && !value.isNumeric()) throw new Refused(field);
            amount = parser.getText();
          }
          default -> parser.skipChildren();
        }
      }
      if (parser.nextToken() != null) throw new Refused("more than one value");
    } catch (IOException e) {
      throw new Refused("malformed");
    }
    checkId(eventId, "event_id");
    checkId(customerId, "customer_id");
    checkId(orderId, "order_id");
    if (!"RUB".equals(currency)) throw new Refused("currency");
    if (occurredAt == null) throw new Refused("occurred_at");
    return new Purchase(eventId, customerId, Moments.parse(occurredAt), kopecks(amount));
  }

  private static String text(JsonParser parser, JsonToken value, String field) throws Refused, IOException {
    if (value == JsonToken.VALUE_STRING) return parser.getText();
    if (value == JsonToken.VALUE_NULL) return null;
    throw new Refused(field);
  }

  private static void checkId(String id, String field) throws Refused {
    if (id == null || id.isEmpty() || id.length() > 128) throw new Refused(field);
  }

  /** Roubles with at most two digits after the point, exactly. */
  private static long kopecks(String amount) throws Refused {
    if (amount == null || amount.isEmpty() || amount.length() > 16) throw new Refused("amount");
    int point = amount.indexOf('.');
    int after = point < 0 ? 0 : amount.length() - point - 1;
    if (point == 0 || after > 2 || (point > 0 && after == 0)) throw new Refused("amount");
    long number = 0;
    for (int i = 0; i < amount.length(); i++) {
      char c = amount.charAt(i);
      if (i == point) continue;
      if (c < '0' || c > '9') throw new Refused("amount");
      number = number * 10 + (c - '0');
    }
    return after == 2 ? number : after == 1 ? number * 10 : number * 100;
  }
}
