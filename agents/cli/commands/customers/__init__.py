"""Own the commands on customers: `health`, `customer`, `segment`, `erase`.

Import everything below `agents.cli`, and what commands share.
"""
