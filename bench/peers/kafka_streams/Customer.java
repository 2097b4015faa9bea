package bench;

import java.util.Arrays;
import java.util.function.Consumer;

/** The state of a customer, and how a purchase changes it; moments in milliseconds, money in kopecks. */
final class Customer {
  static final long DAY = 86_400_000L;
  private static final long WINDOW = 365 * DAY;
  private static final long AT_RISK = 60 * DAY;
  private static final long CHURNED = 180 * DAY;

  int seq; // changes so far
  int lifetime; // orders ever
  int cell; // as last evaluated, 333 is the best; 0 before the first purchase
  long asOf; // the moment of the last evaluation
  long last; // the latest order
  int count; // orders of the window: the first elements of the two arrays, in order of time
  long[] times = new long[4];
  long[] amounts = new long[4];
  long monetary; // the sum of amounts

  /** Applies a purchase: first the changes that fell due before it, then its own. */
  void fold(Purchase purchase, Consumer<byte[]> out) {
    long now = lifetime == 0 ? purchase.at() : Math.max(purchase.at(), asOf);
    if (lifetime > 0) lapse(purchase.customerId(), now, out);
    expire(now);
    if (purchase.at() > now - WINDOW) insert(purchase.at(), purchase.amount());
    last = lifetime == 0 ? purchase.at() : Math.max(last, purchase.at());
    String was = segment();
    lifetime++;
    evaluate(purchase.customerId(), was, now, purchase.eventId(), out);
  }

  /** Evaluates the customer at each moment up to `now` at which time alone may change the segment. */
  private void lapse(String id, long now, Consumer<byte[]> out) {
    while (true) {
      long due = Long.MAX_VALUE;
      if (last + AT_RISK > asOf) due = last + AT_RISK;
      else if (last + CHURNED > asOf) due = last + CHURNED;
      if (count > 0) due = Math.min(due, times[0] + WINDOW);
      if (due > now) return;
      expire(due);
      evaluate(id, segment(), due, null, out);
    }
  }

  private void expire(long now) {
    int gone = 0;
    while (gone < count && times[gone] <= now - WINDOW) monetary -= amounts[gone++];
    if (gone > 0) {
      count -= gone;
      System.arraycopy(times, gone, times, 0, count);
      System.arraycopy(amounts, gone, amounts, 0, count);
    }
  }

  private void insert(long at, long amount) {
    if (count == times.length) {
      times = Arrays.copyOf(times, count * 2);
      amounts = Arrays.copyOf(amounts, count * 2);
    }
    int place = count++;
    for (; place > 0 && times[place - 1] > at; place--) {
      times[place] = times[place - 1];
      amounts[place] = amounts[place - 1];
    }
    times[place] = at;
    amounts[place] = amount;
    monetary += amount;
  }

  /** Scores the customer as of `now`, and emits a change if the segment is new. `eventId` is null if time is the cause. */
  private void evaluate(String id, String was, long now, String eventId, Consumer<byte[]> out) {
    int before = cell;
    long away = now - last;
    int r = away < AT_RISK ? 3 : away < CHURNED ? 2 : 1;
    int f = count < 2 ? 1 : count < 5 ? 2 : 3;
    int m = monetary < 5_000_00 ? 1 : monetary < 20_000_00 ? 2 : 3;
    cell = r * 100 + f * 10 + m;
    asOf = now;
    String is = segment();
    if (!is.equals(was)) {
      seq++;
      out.accept(Change.json(id, this, was, before, is, eventId));
    }
  }

  /** The segment of the cell; null before the first purchase. */
  private String segment() {
    if (cell == 0) return null;
    if (cell < 200) return "churned";
    if (cell < 300) return "at_risk";
    if (cell >= 330) return cell == 333 ? "golden" : "loyal";
    return cell < 320 && lifetime == 1 ? "new" : "active";
  }
}
