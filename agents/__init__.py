"""What runs: one agent a file, the topology, the Redis projection, HTTP, and the command line.

May import `streams`, `state` and any dependency of the project; nothing imports it.
"""
