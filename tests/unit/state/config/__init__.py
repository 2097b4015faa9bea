"""Unit tests of `state.config`."""
