"""Own the campaign report: outcomes summed by campaign and group, uplift with its interval, and a verdict in words.

Import `streams`, `state` and scipy, which the extra `report` installs.
"""
