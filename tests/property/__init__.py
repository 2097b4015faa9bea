"""Hypothesis compares the product with the oracle, which computes everything from the whole history."""
