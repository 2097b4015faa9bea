"""The routes of `agents.serve.hooks`."""

from typing import Final

from litestar.types import ControllerRouterHandler

ROUTES: Final[list[ControllerRouterHandler]] = []
