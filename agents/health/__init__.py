"""Own the daily totals as users see them: summed over the partitions, with ratios, rendered for a terminal.

Import `streams` and `state`.
"""
