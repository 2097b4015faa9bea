"""Unit tests of `agents.customer_view`, and of what Redis holds of a customer."""
