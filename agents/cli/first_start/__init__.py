"""Own what `goldstream init` asks and writes, in English and Russian.

Import `streams` and `state`.
"""
