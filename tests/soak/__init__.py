"""A long run of random scenes on a real broker, each held against the oracle: `make soak`."""
