package bench;

import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;

/** Moments as text and as milliseconds since 1970. The usual layouts are parsed without java.time, which takes about ten times as long. */
final class Moments {
  private static final int[] LENGTHS = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

  private Moments() {}

  /** RFC 3339 with an offset; fractions of a millisecond are truncated. */
  static long parse(String text) throws Refused {
    int length = text.length();
    boolean utc = length == 24 && text.charAt(23) == 'Z';
    boolean offset = length == 29 && (text.charAt(23) == '+' || text.charAt(23) == '-') && text.charAt(26) == ':';
    if ((utc || offset) && text.charAt(4) == '-' && text.charAt(7) == '-' && text.charAt(10) == 'T'
        && text.charAt(13) == ':' && text.charAt(16) == ':' && text.charAt(19) == '.') {
      int year = digits(text, 0, 4);
      int month = digits(text, 5, 7);
      int day = digits(text, 8, 10);
      int hour = digits(text, 11, 13);
      int minute = digits(text, 14, 16);
      int second = digits(text, 17, 19);
      int milli = digits(text, 20, 23);
      int away = utc ? 0 : digits(text, 24, 26) * 60 + digits(text, 27, 29);
      boolean leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      if (year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= LENGTHS[month - 1] && (month != 2 || day < 29 || leaps)
          && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60 && milli >= 0 && away >= 0) {
        long minutes = (days(year, month, day) * 24 + hour) * 60 + minute;
        minutes += utc || text.charAt(23) == '-' ? away : -away;
        return minutes * 60_000 + second * 1000L + milli;
      }
    }
    try {
      return OffsetDateTime.parse(text).toInstant().toEpochMilli();
    } catch (DateTimeParseException e) {
      throw new Refused("occurred_at");
    }
  }

  /** Formats a moment as `2026-05-12T09:30:00.000Z`. */
  static String text(long at) {
    long days = Math.floorDiv(at, 86_400_000L);
    int rest = (int) Math.floorMod(at, 86_400_000L);
    // Days since 0000-03-01, in eras of 400 years; Howard Hinnant, "chrono-compatible low-level date algorithms".
    long shifted = days + 719_468;
    long era = Math.floorDiv(shifted, 146_097L);
    int ofEra = (int) (shifted - era * 146_097);
    int yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365;
    int ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    int fromMarch = (5 * ofYear + 2) / 153;
    int month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
    byte[] out = "0000-00-00T00:00:00.000Z".getBytes(StandardCharsets.ISO_8859_1);
    put(out, 0, 4, (int) (yearOfEra + era * 400) + (month <= 2 ? 1 : 0));
    put(out, 5, 7, month);
    put(out, 8, 10, ofYear - (153 * fromMarch + 2) / 5 + 1);
    put(out, 11, 13, rest / 3_600_000);
    put(out, 14, 16, rest / 60_000 % 60);
    put(out, 17, 19, rest / 1000 % 60);
    put(out, 20, 23, rest % 1000);
    return new String(out, StandardCharsets.ISO_8859_1);
  }

  private static long days(int year, int month, int day) {
    int shifted = month <= 2 ? year - 1 : year;
    int era = shifted / 400;
    int yearOfEra = shifted - era * 400;
    int ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146_097L + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear - 719_468;
  }

  /** Returns the number at these places; -1 if there is none. */
  private static int digits(String text, int from, int to) {
    int number = 0;
    for (int i = from; i < to; i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }

  private static void put(byte[] out, int from, int to, int number) {
    for (int i = to - 1; i >= from; i--, number /= 10) out[i] = (byte) ('0' + number % 10);
  }
}
