"""Unit tests of `state`."""
