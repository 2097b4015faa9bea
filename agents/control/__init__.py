"""Own the `control` topic's readers: the active rules, the follower, and `goldstream advance`.

Import `streams` and `state`.
"""
