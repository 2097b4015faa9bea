"""Unit tests of `state.customer`, alone and folded."""
