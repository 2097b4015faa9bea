"""Own the latency at a steady rate: the load, what watches Redis and topics, the report.

Import `bench` beside it, its testbed, and the product.
"""
