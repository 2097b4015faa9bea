"""The routes of `agents.serve.pages`."""

from typing import Final

from litestar.types import ControllerRouterHandler

ROUTES: Final[list[ControllerRouterHandler]] = []
