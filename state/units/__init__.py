"""Own the units that every rule counts in: timestamps, time zones, local days, money and currencies.

Import the standard library only.
"""
