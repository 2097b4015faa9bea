"""Unit tests of `agents.languages`."""
