"""Unit tests of `agents.serve.pages`."""
