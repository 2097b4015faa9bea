package bench;

/** A record is not a valid purchase; the message names the field. */
final class Refused extends Exception {
  private static final long serialVersionUID = 1;

  Refused(String field) {
    super(field, null, false, false); // without a stack trace, which costs more than the check
  }
}
