"""Unit tests of `agents.cli`."""
