"""Unit tests of `agents.demo` and its simulated shop."""
