"""The routes of `agents.serve.documents`; that of `/openapi.json` is Litestar's (`agents.serve.documents.openapi`)."""

from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.enums import MediaType
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ControllerRouterHandler

from agents.serve.access.scopes import Scope
from agents.serve.context import Context
from agents.serve.documents.asyncapi import asyncapi_document
from streams.settings.settings import Settings


@get(
    "/asyncapi.json",
    operation_id="asyncapi",
    opt={"scope": Scope.NONE},
    responses={200: ResponseSpec(dict[str, Any], description="The document", generate_examples=False)},
    sync_to_thread=False,
)
def asyncapi(context: Context) -> Response[Any]:
    """Return the AsyncAPI document: the topics, and the JSON Schemas of what they carry."""
    settings = context.settings
    own = (settings.prefix, settings.partitions, settings.replication)
    return Response(_encoded(*own), media_type=MediaType.JSON)


@lru_cache(maxsize=1)
def _encoded(prefix: str, partitions: int, replication: int) -> bytes:
    return msgspec.json.encode(
        asyncapi_document(Settings(prefix=prefix, partitions=partitions, replication=replication))
    )


ROUTES: Final[list[ControllerRouterHandler]] = [asyncapi]
