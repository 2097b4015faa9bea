"""Fault tests: a killed or hanging worker, or a broker that is away, must not change the output."""
