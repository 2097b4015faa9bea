"""Own the commands of operators: `doctor`, `settings`, `topics`, `tokens`, `replay`, `rebuild-redis`.

Import everything below `agents.cli`, and what commands share.
"""
