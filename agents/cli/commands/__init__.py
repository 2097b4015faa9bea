"""Own the commands that run, publish and look up: one module for each command.

Import everything but `agents.cli.rules`.
"""
