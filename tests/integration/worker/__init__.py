"""Workers: their start, their processes, what they refuse, and how they stop."""
