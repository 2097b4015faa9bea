"""Hypothesis against the oracle, a naive computation over the whole history."""
