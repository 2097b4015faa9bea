"""The routes of `agents.serve.intake`."""

from typing import Final

from litestar.types import ControllerRouterHandler

ROUTES: Final[list[ControllerRouterHandler]] = []
