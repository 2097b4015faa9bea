"""Own the embedded broker and Redis, and the child processes they run in.

Import the standard library and aiokafka.
"""
