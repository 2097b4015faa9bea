"""Own what reads the `control` topic outside the journal: the follower of every worker, and `goldstream advance`.

Import `streams` and `state`.
"""
