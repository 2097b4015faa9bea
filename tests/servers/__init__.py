"""Real servers for the tests, on free ports of the loopback interface, ended with the test run however it ends."""

import shutil


class Missing(Exception):
    """A server cannot be had on this machine; the message says what to do, in one line."""


def program(name: str, debian_package: str) -> str:
    """The path of a program that the tests need.

    Raises:
        Missing: It is not installed.
    """
    path = shutil.which(name)
    if path is None:
        message = f"{name} is missing: run `make servers` as root, or install it (Debian: {debian_package})"
        raise Missing(message)
    return path
