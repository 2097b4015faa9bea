"""Own the processes of a worker: the supervisor, how it forks, the front, and what they share.

Import `agents.worker` beside it, streams and state.
"""
