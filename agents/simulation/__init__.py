"""A plausible shop, made of a seed: customers who join, buy, lapse, come back, return goods and use coupons.

Pure: the same seed gives the same events, byte for byte. May import `state` and msgspec.
"""
