"""Unit tests of `agents.importing`."""
