"""Unit tests of `agents.analysis` and `agents.reporting`."""
