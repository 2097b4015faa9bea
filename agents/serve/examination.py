"""What `goldstream doctor` examines of `goldstream serve`: its address, its files, and whether a server is ready there.

It needs nothing that the extra `serve` installs, so that it can also report that the extra is missing.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from agents.doctor.finding import Finding, good, split_remedy, warning, wrong
from agents.serve.access.token_file import read_tokens
from agents.serve.hooks.hook_store import read_hooks
from agents.serve.listening import listening_errors, tls_context
from agents.serve.requirements import missing_packages
from state.config.config_errors import ConfigErrors
from state.units.counts import counted
from streams.errors import FatalError
from streams.settings.settings import Settings

ANSWER_WITHIN_S: Final = 5.0
_CHECK: Final = "serve"
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here
"""Where a server on this machine is reached that listens on all addresses."""


async def examine_server(settings: Settings) -> list[Finding]:
    """Return what is found; files and address are examined whether or not a server runs."""
    if not _is_configured(settings):
        own = [each for each in await _ask(settings) if each.remedy != _ELSE]
        return own or [good(_CHECK, f"no server is configured, and none answers at {settings.api}")]
    findings = list(_examine_files(settings))
    if missing := missing_packages():
        findings.append(wrong(_CHECK, f"{', '.join(missing)} not installed", "`pip install 'goldstream[serve]'`"))
    return findings + (await _ask(settings) or [_unanswered(settings)])


def _is_configured(settings: Settings) -> bool:
    """Return whether a setting of a server is not its default."""
    chosen = settings.api, settings.tokens, settings.hooks, settings.api_cert, settings.api_key
    return chosen != (Settings().api, None, None, None, None)


def _examine_files(settings: Settings) -> Iterator[Finding]:
    """Yield what is found about the address, the certificate, the tokens and the webhooks."""

    def address() -> str | None:
        if errors := listening_errors(settings):
            raise ConfigErrors(errors)
        return None

    def certificate() -> str | None:
        return None if tls_context(settings) is None else f"{settings.api_cert} and its key fit"

    def tokens() -> str | None:
        return (
            None if settings.tokens is None else _counted(len(read_tokens(settings.tokens)), "token", settings.tokens)
        )

    def hooks() -> str | None:
        return None if settings.hooks is None else _counted(len(read_hooks(settings.hooks)), "webhook", settings.hooks)

    for variable, look in (
        ("GOLDSTREAM_API", address),
        ("GOLDSTREAM_API_CERT", certificate),
        ("GOLDSTREAM_TOKENS", tokens),
        ("GOLDSTREAM_HOOKS", hooks),
    ):
        yield from _look(variable, look)


def _counted(count: int, noun: str, path: Path) -> str:
    return f"{counted(count, noun)} in {path}"


def _look(variable: str, look: Callable[[], str | None]) -> Iterator[Finding]:
    try:
        message = look()
    except ConfigErrors as invalid:
        yield from (split_remedy(_CHECK, error) for error in invalid.errors)
    except FatalError as error:
        yield split_remedy(_CHECK, str(error))
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        yield wrong(_CHECK, f"{variable}: {error.strerror or error}{place}", f"correct {variable}")
    else:
        if message is not None and message.startswith("0 "):
            yield warning(_CHECK, message, "without any, all requests that need one are refused: add one")
        elif message is not None:
            yield good(_CHECK, message)


async def _ask(settings: Settings) -> list[Finding]:
    """Return what a server on this machine answers; nothing if there is none."""
    host, port = settings.api_address
    if port == 0:
        return []
    host = _ANY.get(host, host)
    scheme = "http" if settings.api_cert is None else "https"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # this machine's own certificate, for another name
    timeout = aiohttp.ClientTimeout(ANSWER_WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(f"{url}/ready", ssl=trust, allow_redirects=False) as answer,
        ):
            return [_describe(url, answer.status, await answer.text("utf-8", "replace"))]
    except aiohttp.ClientConnectorError:
        return []
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        reason = f"no answer within {ANSWER_WITHIN_S:.0f} s" if isinstance(error, TimeoutError) else str(error)
        return [wrong(_CHECK, f"what listens at {url} does not answer as a server: {reason}", _ELSE)]


_ELSE: Final = "end that program, or set GOLDSTREAM_API to another host:port"


def _describe(url: str, status: int, body: str) -> Finding:
    first, _, spooled = body.strip().partition("\n")
    if status == 200 and first == "ok":
        if not spooled:
            return good(_CHECK, f"ready at {url}")
        remedy = "nothing if it shrinks; else make Kafka reachable from the server (see its log)"
        return warning(_CHECK, f"ready at {url}, but {spooled}", remedy)
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return wrong(_CHECK, f"what answers at {url} with status {status} is no `goldstream serve`", _ELSE)
    return wrong(_CHECK, f"not ready at {url}: {problem.detail}", "remove the cause; it becomes ready by itself")


class _Problem(msgspec.Struct):
    """Problem details (RFC 9457), of which only this is shown."""

    detail: str


def _unanswered(settings: Settings) -> Finding:
    if settings.api_address[1] == 0:
        message = f"a server at {settings.api} takes any free port, so it cannot be examined"
        return warning(_CHECK, message, "set a port in GOLDSTREAM_API")
    return warning(_CHECK, f"no server answers at {settings.api}", "if one should run here: `goldstream serve`")
