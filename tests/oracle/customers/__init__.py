"""One customer: the whole history, and everything counted from it."""
