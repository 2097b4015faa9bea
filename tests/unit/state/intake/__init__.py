"""Unit tests of `state.intake`."""
