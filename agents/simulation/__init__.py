"""Own a simulated shop: customers who join, buy, lapse, come back, return goods and use coupons, drawn from a seed.

Pure: the same seed gives the same events, byte for byte. Import `state` and msgspec.
"""
