"""Own the `segment` stage: the lane of a journal partition, what it writes, and the standby.

Import `streams` and `state`.
"""
