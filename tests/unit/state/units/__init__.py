"""Unit tests of `state.units`."""
