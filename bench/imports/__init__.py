"""Own the benchmark of importing files, and the files that it imports.

Import `bench` beside it, its testbed, and the product.
"""
