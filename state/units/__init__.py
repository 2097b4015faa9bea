"""Own the units of all values: timestamps, time zones, local days, money and currencies.

Import the standard library only.
"""
