"""Own the suggested policy: survival estimates, thresholds and the TOML text with its reasons.

Import `state.customer` and what it may import.
"""
