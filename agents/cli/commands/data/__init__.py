"""Own the commands on events: `import`, `rejected`, `simulate`, `advance`.

Import everything below `agents.cli`, and what commands share.
"""
