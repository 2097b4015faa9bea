"""Own campaigns as a customer meets them: entries, runs, messages, suppressions, contacts and attribution.

Import `state.customer` and what it may import.
"""
