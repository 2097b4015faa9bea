"""What a customer is: events, profile, policy, scores, segments, changes, campaigns.

The package owns every rule of the field and nothing of its surroundings: it is pure, so there is no I/O in it, no
clock, no logging, no randomness and no await. Time is an argument. What is refused is a value; an exception is a bug,
or says so in its docstring.

It may import the standard library and msgspec, and nothing of `streams` or `agents`.
"""
