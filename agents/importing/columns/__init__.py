"""Decide what the texts of a column mean: numbers, dates, time zones, currencies, yes and no.

Pure functions: a column's values come in, a decision about the whole column comes out, with its evidence or with the
question that the file cannot answer. It imports only `agents.importing.findings` and `state`.
"""
