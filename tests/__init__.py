"""The tests. Servers that they need are started and stopped by `tests.servers`, lazily, on free ports."""
