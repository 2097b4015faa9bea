"""Own the worker process: its stages, HTTP server, gauges and shutdown.

Import the stages and `agents.control`.
"""
