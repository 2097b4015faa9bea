"""Unit tests of `agents.serve.hooks`."""
