"""Own the commands, one module for each, in the groups in which `goldstream --help` lists them.

Import everything but `agents.cli.rules`.
"""
