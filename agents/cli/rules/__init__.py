"""Own the commands on policies and campaigns: one module for each command or group.

Import everything but `agents.cli.commands`.
"""
