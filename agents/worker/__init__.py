"""Own a worker: what it waits for before its stages start, its rules, and the HTTP server of each of its processes.

Import the stages and `agents.control`.
"""
