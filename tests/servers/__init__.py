"""Real servers for the tests on free loopback ports. They stop with the test run, however it ends."""

import shutil


class Missing(Exception):
    """A server is not available on this machine; the message is one line that says what to do."""


def program(name: str, debian_package: str) -> str:
    """Return the path of a program that the tests need.

    Raises:
        Missing: It is not installed.
    """
    path = shutil.which(name)
    if path is None:
        message = f"{name} is missing: run `make servers` as root, or install it (Debian: {debian_package})"
        raise Missing(message)
    return path
