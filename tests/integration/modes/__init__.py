"""Event mode and wall mode: what becomes due, and when."""
