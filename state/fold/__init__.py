"""Own the fold: how one journal record changes a partition, and which timers fire next.

Import every other package of `state` except `state.suggestion`.
"""
