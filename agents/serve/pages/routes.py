"""The routes of `agents.serve.pages`."""

from typing import Final

from litestar.types import ControllerRouterHandler

from agents.serve.pages.static_files import send_static

ROUTES: Final[list[ControllerRouterHandler]] = [send_static]
