"""The connection to Redis, and why it fails."""

import ssl
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError

from streams.settings.settings import Settings

TIMEOUT_S: Final = 10.0
HEALTH_CHECK_S: Final = 15
"""A connection that was idle for this long is checked before it is used."""


def connect_redis(settings: Settings) -> Redis:
    """Return a client of the configured Redis, with TLS for a `rediss://` URL; it connects at the first command."""
    assert settings.redis is not None
    arguments: dict[str, Any] = {}
    if settings.redis.startswith("rediss:"):
        files = settings.redis_files
        named = {"ssl_ca_certs": files.cafile, "ssl_certfile": files.certfile, "ssl_keyfile": files.keyfile}
        arguments = {name: str(file) for name, file in named.items() if file} | {"ssl_check_hostname": True}
    return Redis.from_url(
        settings.redis,
        decode_responses=True,
        protocol=2,  # a map is a flat list, and nothing arrives that was not asked for
        socket_timeout=TIMEOUT_S,
        health_check_interval=HEALTH_CHECK_S,
        **arguments,
    )


def describe_redis_error(error: BaseException) -> str:
    """Return in one line why Redis cannot be used, and the remedy."""
    message = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    cause = error.__cause__ or error.__context__
    match error, cause:
        case AuthenticationError(), _:
            return f"it refuses the user or the password ({message}); correct GOLDSTREAM_REDIS"
        case NoPermissionError(), _:
            return f"the user lacks permissions ({message}); grant those in deploy/README.md"
        case OutOfMemoryError(), _:
            return f"it is full ({message}); give it more memory"
        case _, ssl.SSLCertVerificationError():
            why = cause.verify_message.rstrip(".")
            remedy = (
                "use the host name of the certificate in GOLDSTREAM_REDIS, and its authority in GOLDSTREAM_REDIS_CAFILE"
            )
            return f"its certificate is not trusted ({why}); {remedy}"
        case _, ssl.SSLError():
            remedy = "is this its TLS port, and does it require a certificate (GOLDSTREAM_REDIS_CERTFILE)?"
            return f"TLS fails ({cause.reason}); {remedy}"
        case _, ConnectionResetError():
            remedy = "for TLS use rediss:// in GOLDSTREAM_REDIS; for mutual TLS also set GOLDSTREAM_REDIS_CERTFILE"
            return f"it closes the connection ({message}); {remedy}"
    return f"it cannot be reached ({message}); start it, or correct GOLDSTREAM_REDIS"
