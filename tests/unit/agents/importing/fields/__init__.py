"""Which column means what, and what is asked where a file cannot decide."""
