"""Write the documents into a folder: `python -m agents.serve.documents deploy/api` (`make documents`)."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from agents.serve.application import create_app
from agents.serve.context import ServeContext
from agents.serve.documents.asyncapi import asyncapi_document
from agents.serve.documents.json_schemas import EVENT_NAMES, OUTPUTS, event_schemas, inline, output_schemas
from agents.serve.documents.openapi import complete
from streams.clock import SYSTEM_CLOCK
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry


def documents() -> dict[str, bytes]:
    """Return the documents by path: OpenAPI, AsyncAPI with the default settings, and each schema on its own."""
    schemas = event_schemas() | output_schemas()
    names = (*EVENT_NAMES.values(), "Event", *OUTPUTS)
    return {
        "openapi.json": _encode(_openapi_document()),
        "asyncapi.json": _encode(asyncapi_document(Settings())),
        **{f"schemas/{name}.json": _encode(inline(name, schemas)) for name in names},
    }


def _openapi_document() -> dict[str, Any]:
    """Return what a server answers at `/openapi.json`."""
    with tempfile.TemporaryDirectory() as data:  # the key of sessions goes there
        context = ServeContext(Settings(data=Path(data)), SYSTEM_CLOCK, Metrics(worker_registry(), "serve"))
        app = create_app(context, services=())
        return complete(app.openapi_schema.to_schema(), app)


def _encode(document: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def main(folder: Annotated[Path, typer.Argument(file_okay=False, help="Where to write them.")]) -> None:
    """Write the OpenAPI and AsyncAPI documents and the JSON Schemas into a folder."""
    for name, content in documents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    typer.run(main)
