"""Own the settings: their names, defaults, parsers, and the policy and campaigns files that they name.

Import `state`.
"""
