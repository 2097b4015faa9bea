"""Redis as the settings say: by TLS where its URL does, and in words why it takes nothing."""

import ssl
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError

from streams.settings.settings import Settings

ANSWERS_WITHIN_S: Final = 10.0
LOOKED_AFTER_S: Final = 15
"""A connection that was idle for so long is tried before it is used."""


def connect_redis(settings: Settings) -> Redis:
    """The client of the Redis that is set; nothing is sent yet."""
    assert settings.redis is not None
    arguments: dict[str, Any] = {}
    if settings.redis.startswith("rediss:"):
        files = settings.redis_files
        named = {"ssl_ca_certs": files.cafile, "ssl_certfile": files.certfile, "ssl_keyfile": files.keyfile}
        arguments = {name: str(file) for name, file in named.items() if file} | {"ssl_check_hostname": True}
    return Redis.from_url(
        settings.redis,
        decode_responses=True,
        socket_timeout=ANSWERS_WITHIN_S,
        health_check_interval=LOOKED_AFTER_S,
        **arguments,
    )


def describe_redis_error(error: BaseException) -> str:
    """What keeps us from Redis, and what to do about it, in one line."""
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    cause = error.__cause__ or error.__context__
    match error, cause:
        case AuthenticationError(), _:
            return f"it refuses the user or the password ({said}); correct them in GOLDSTREAM_REDIS"
        case NoPermissionError(), _:
            return f"the user lacks rights ({said}); give them as deploy/README.md says"
        case OutOfMemoryError(), _:
            return f"it is full ({said}); give it more memory"
        case _, ssl.SSLCertVerificationError():
            why = cause.verify_message.rstrip(".")
            way = "GOLDSTREAM_REDIS must name it as its certificate does, GOLDSTREAM_REDIS_CAFILE who signed that"
            return f"its certificate is not trusted ({why}); {way}"
        case _, ssl.SSLError():
            way = "is this its TLS port, and does it want a certificate (GOLDSTREAM_REDIS_CERTFILE)?"
            return f"TLS fails ({cause.reason}); {way}"
        case _, ConnectionResetError():
            way = "for TLS write rediss:// in GOLDSTREAM_REDIS, and name a certificate by GOLDSTREAM_REDIS_CERTFILE"
            return f"it closes the connection ({said}); {way}"
    return f"it cannot be reached ({said}); start it, or correct GOLDSTREAM_REDIS"
