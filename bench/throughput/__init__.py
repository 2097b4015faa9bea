"""Own the throughput next to the peers: rounds, expected results, the report.

Import `bench` beside it, its testbed, and the product.
"""
