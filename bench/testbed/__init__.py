"""Own what benchmarks run: broker, workers, peers, publishers, and what they use of the machine.

Import `bench` beside it and the product.
"""
