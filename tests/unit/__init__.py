"""The core and its surroundings, one thing at a time, without servers."""
