"""Random scenarios on a real broker, each checked against the oracle: `make soak`."""
