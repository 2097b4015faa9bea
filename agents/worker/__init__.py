"""Own the processes of a worker: the supervisor, the front with its HTTP server, and one for each stage.

Import the stages and `agents.control`.
"""
