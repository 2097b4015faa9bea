"""Own the profile of a customer: orders, refunds, contact data, traits and the segment forecast.

Import `state.config`, `state.records` and `state.units`.
"""
