"""Write the documents into a folder: `python -m agents.serve.documents deploy/api` (`make documents`)."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from agents.serve.documents.asyncapi import asyncapi_document
from agents.serve.documents.json_schemas import EVENT_NAMES, OUTPUTS, event_schemas, inline, output_schemas
from streams.settings.settings import Settings


def documents() -> dict[str, bytes]:
    """Return the documents by path: AsyncAPI with the default settings, and each schema on its own."""
    schemas = event_schemas() | output_schemas()
    names = (*EVENT_NAMES.values(), "Event", *OUTPUTS)
    return {
        "asyncapi.json": _encode(asyncapi_document(Settings())),
        **{f"schemas/{name}.json": _encode(inline(name, schemas)) for name in names},
    }


def _encode(document: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def main(folder: Path) -> None:
    """Write them."""
    for name, content in documents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
