"""Own admission: how the bytes of a published record become a journal record or a rejection.

Import `state.records` and `state.units`.
"""
