"""Own the help of commands: its form, the examples, the list of settings.

Import `agents.cli` beside it, its terminal, and streams.
"""
