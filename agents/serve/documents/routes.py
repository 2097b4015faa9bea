"""The routes of `agents.serve.documents`."""

from typing import Final

from litestar.types import ControllerRouterHandler

ROUTES: Final[list[ControllerRouterHandler]] = []
