"""Serve the style sheet, the scripts and the icon: under names with a hash of their contents, so browsers keep them."""

import gzip
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from agents.serve.access.scopes import Scope
from agents.serve.pages.page_headers import SECURITY_HEADERS, accepts_gzip

FOLDERS: Final = (Path(__file__).parent / "static", Path(__file__).parent / "vendor")
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HASH_LENGTH: Final = 12
_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"


class StaticFile(NamedTuple):
    """A file as it is sent.

    Attributes:
        url: its address, which contains a hash of its contents.
        compressed: by gzip.
    """

    url: str
    media_type: str
    content: bytes
    compressed: bytes


def _read(paths: Iterable[Path]) -> dict[str, StaticFile]:
    """Return the files of the types that are served, by their names."""
    files = {}
    for path in paths:
        if path.suffix in MEDIA_TYPES:
            content = path.read_bytes()
            tag = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
            url = f"/static/{path.stem}.{tag}{path.suffix}"
            files[path.name] = StaticFile(url, MEDIA_TYPES[path.suffix], content, gzip.compress(content, mtime=0))
    return files


FILES: Final = _read(path for folder in FOLDERS for path in sorted(folder.iterdir()))
_BY_NAME: Final = {file.url.rpartition("/")[2]: file for file in FILES.values()}


def static(name: str) -> str:
    """Return the address of a file: `goldstream.css` → `/static/goldstream.0123456789ab.css`."""
    return FILES[name].url


@get("/static/{name:str}", opt={"scope": Scope.NONE}, include_in_schema=False)
async def send_static(name: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
    """Send a file."""
    file = _BY_NAME.get(name)
    if file is None:
        raise NotFoundException(detail=f"there is no file {name}")
    headers = SECURITY_HEADERS | {"Cache-Control": _FOR_A_YEAR, "Vary": "Accept-Encoding"}
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(file.compressed, media_type=file.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(file.content, media_type=file.media_type, headers=headers)
