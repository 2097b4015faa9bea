"""Own all that only the embedded broker and Redis need: the child processes, and a worker that spares the broker.

Import `agents.worker`, `streams` and aiokafka.
"""
