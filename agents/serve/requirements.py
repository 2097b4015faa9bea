"""What the extra `serve` installs."""

from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("litestar", "uvicorn", "jinja2", "itsdangerous")


def missing_packages() -> list[str]:
    """Return the packages that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]
