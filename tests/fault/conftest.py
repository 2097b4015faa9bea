"""Where workers run: as in the integration tests."""

from tests.integration.conftest import seed, site

__all__ = ["seed", "site"]
