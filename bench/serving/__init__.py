"""Own the benchmarks of the HTTP server and its pages, and the clients that load them.

Import `bench` beside it, its testbed, and the product.
"""
