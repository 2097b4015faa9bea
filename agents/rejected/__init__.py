"""Own the dead letters as users see them: the last ones, newest first, and what is sent again.

Import `streams` and `state`.
"""
