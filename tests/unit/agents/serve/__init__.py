"""Unit tests of `agents.serve`."""
