"""The tests. `tests.servers` starts the servers they need on free ports, when the first test needs one."""
