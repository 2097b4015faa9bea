"""The routes of `agents.serve.lookups`."""

from typing import Final

from litestar.types import ControllerRouterHandler

ROUTES: Final[list[ControllerRouterHandler]] = []
