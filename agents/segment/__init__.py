"""Own the `segment` stage: the lane of a journal partition, its write plan and recovery, and the standby.

Import `streams` and `state`.
"""
