"""Unit tests of `agents.replay`."""
