"""Own what a shop configures: the policy, its segments, the campaigns, and how their TOML files are read.

Import `state.records` and `state.units`.
"""
