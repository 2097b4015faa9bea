"""Errors that end the process."""


class FatalError(Exception):
    """A fault that a restart does not fix: the worker stops and reports what to do."""
