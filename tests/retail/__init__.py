"""A retailer's year, drawn from a seed, and the comparison of what the product makes of it with the oracle."""
