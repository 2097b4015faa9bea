"""Orders, refunds and events made of rows."""
