"""The OpenAPI 3.1 document: Litestar's, from the routes, completed by what it cannot know.

That is who may call a route (its scope), the refusals (problem details), and the bodies that the intake reads itself.
"""

from importlib.metadata import version
from typing import Any, Final

from litestar import Litestar, Request, Router
from litestar.enums import MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme
from litestar.routes import HTTPRoute

from agents.serve.access.guard import required_scope
from agents.serve.access.scopes import Scope
from agents.serve.access.sessions import COOKIE
from agents.serve.documents.event_bodies import EVENT_BODIES
from agents.serve.documents.json_schemas import event_schemas
from agents.serve.documents.raw_bodies import RAW_BODIES

PATH: Final = "/openapi.json"
PROBLEM_TYPE: Final = "application/problem+json"

_PROBLEM_SCHEMA: Final = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Which problem it is, for programs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, with which value, and what to do."},
    },
}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_PROBLEMS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "BadRequest": ("The request is not as described.", {}),
    "Unauthenticated": ("There is no token, or it is not valid.", {}),
    "Forbidden": ("The token lacks a scope, or a page of another site writes.", {}),
    "NotFound": ("There is nothing of this name.", {}),
    "Limited": ("The token is over its rate.", _RETRY_AFTER),
    "Unavailable": ("Kafka or Redis is away.", _RETRY_AFTER),
    "Refused": ("Any other refusal.", {}),
}

_OWN: Final = {
    "operationId": "openapi",
    "summary": "OpenApi",
    "description": "Return this document.",
    "responses": {"200": {"description": "The document", "content": {MediaType.JSON.value: {"schema": {}}}}},
}


class _Document(JsonRenderPlugin):
    """Renders the completed document, which is made once."""

    _rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document as JSON."""
        if self._rendered is None:
            self._rendered = self.render_json(request, complete(openapi_schema, request.app))
        return self._rendered


def openapi_config() -> OpenAPIConfig:
    """Return Litestar's configuration: one route, without the pages that load scripts from other hosts."""
    return OpenAPIConfig(
        title="Goldstream",
        version=version("goldstream"),
        description="Publish events, look customers up, and receive webhooks: what `goldstream serve` answers.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        use_handler_docstrings=True,
        path=PATH,
        render_plugins=[_Document(path="/", media_type=MediaType.JSON)],
        openapi_router=Router(PATH, route_handlers=[], include_in_schema=False, opt={"scope": Scope.NONE}),
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="`gs_<id>_<secret>`"),
                "user": SecurityScheme(type="http", scheme="basic", description="The token as user name."),
                "session": SecurityScheme(
                    type="apiKey", name=COOKIE, security_scheme_in="cookie", description="A session of the pages."
                ),
            }
        ),
    )


def complete(document: dict[str, Any], app: Litestar) -> dict[str, Any]:
    """Return Litestar's document with security, refusals and the bodies of the intake."""
    document = _with_any_of(document)
    paths = {path: dict(item) for path, item in document["paths"].items()}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                item, key = paths.get(route.path_format or "/", {}), method.lower()
                if key in item:
                    item[key] = _complete_operation(item[key], required_scope(handler))
    paths[PATH] = {"get": _complete_operation(_OWN, Scope.NONE)}
    components = dict(document["components"])
    components["schemas"] = components.get("schemas", {}) | event_schemas() | {"Problem": _PROBLEM_SCHEMA}
    components["responses"] = {name: _problem(meaning, headers) for name, (meaning, headers) in _PROBLEMS.items()}
    return document | {"paths": dict(sorted(paths.items())), "components": components}


def _with_any_of(schema: Any) -> Any:
    """Return a part of Litestar's document with `anyOf` for unions: 365 is an integer and a number, not one of them."""
    if isinstance(schema, dict):
        return {"anyOf" if name == "oneOf" else name: _with_any_of(each) for name, each in schema.items()}
    return [_with_any_of(each) for each in schema] if isinstance(schema, list) else schema


def _complete_operation(operation: dict[str, Any], scope: str) -> dict[str, Any]:
    responses = {status: each for status, each in operation["responses"].items() if status != "400"}  # Litestar's own
    takes_events = operation["operationId"] in EVENT_BODIES
    refusals = {"400": "BadRequest", "503": "Unavailable", "default": "Refused"}
    if scope:
        refusals |= {"401": "Unauthenticated", "403": "Forbidden"}
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        refusals["404"] = "NotFound"
    if takes_events:
        refusals["429"] = "Limited"
        body, more = EVENT_BODIES[operation["operationId"]]
        operation = operation | {"requestBody": body}
        responses |= more
    if operation["operationId"] in RAW_BODIES:
        operation = operation | {"requestBody": RAW_BODIES[operation["operationId"]]}
    for status, name in refusals.items():
        responses.setdefault(status, {"$ref": f"#/components/responses/{name}"})
    return operation | {
        "responses": responses,
        "security": [{"token": [scope]}, {"user": []}, {"session": []}] if scope else [],
    }


def _problem(meaning: str, headers: dict[str, Any]) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": meaning, "content": content} | ({"headers": headers} if headers else {})
