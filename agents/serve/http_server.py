"""uvicorn, set up for this server."""

import contextlib
import logging
import ssl
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from agents.serve.http_protocol import MAX_HEADER_BYTES, BoundedProtocol

KEEP_ALIVE_SECONDS: Final = 75
"""How long a connection stays open between two requests: longer than proxies keep theirs, so that they end first."""
STOP_SECONDS: Final = 15
"""How long responses may take that are being sent when the server stops; it has to exit within 30 s."""


class HttpServer(uvicorn.Server):
    """Serves an application; `should_exit` ends it: it accepts nothing new, and finishes what it has."""

    def __init__(self, app: Any, tls: ssl.SSLContext | None = None) -> None:
        """Take the application, and the TLS context if connections are encrypted here."""
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every malformed request
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,  # a path may name a customer
                server_header=False,
                proxy_headers=False,  # nothing depends on the client's address
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: uvicorn's handlers raise them again at the end, and the status is not 0."""
        yield
