"""Own campaigns as a customer meets them: enrollment, runs, messages, contacts and attribution.

Import `state.customer` and what it may import.
"""
