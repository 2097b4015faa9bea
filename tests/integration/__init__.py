"""Integration tests: a real broker and a real Redis, with a fresh prefix for each test."""
