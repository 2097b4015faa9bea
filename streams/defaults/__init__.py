"""The policy and the campaigns that a new installation starts with, as the TOML files that lie here.

May import the standard library only.
"""

from importlib.resources import files


def policy_text() -> str:
    """The policy `retail-27`."""
    return files(__name__).joinpath("retail-27.toml").read_text(encoding="utf-8")


def campaigns_text() -> str:
    """The campaigns `retail`, for the segments of `retail-27`."""
    return files(__name__).joinpath("retail.toml").read_text(encoding="utf-8")
