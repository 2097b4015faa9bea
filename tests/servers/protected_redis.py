"""A Redis with TLS on a port of its own and a user who may access one prefix only."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

from agents.demo.embedded.loopback import HOST, free_port
from tests.servers.certificates import Authority
from tests.servers.redis_server import RedisServer

USER: Final = "shop"
PASSWORD: Final = "s3cr3t@wörd:/%"  # noqa: S105 - of a Redis that lives for one test run


class ProtectedRedis(RedisServer):
    """Without TLS on `url`; on its TLS port its certificate is for 127.0.0.1, and it requires a client certificate.

    The user has the rights that deploy/README.md says a worker needs, on the keys of `prefix`.
    """

    def __init__(self, directory: Path, authority: Authority, prefix: str) -> None:
        """Choose the ports, and issue a certificate."""
        certificate = authority.issue("redis", HOST)
        self.tls_port = free_port()
        super().__init__(
            directory,
            *("--tls-port", str(self.tls_port), "--tls-cert-file", str(certificate.certfile)),
            *("--tls-key-file", str(certificate.keyfile), "--tls-ca-cert-file", str(authority.cafile)),
            *("--user", USER, "on", f">{PASSWORD}", f"~{prefix}:*", "-@all"),
            *("+@read", "+@write", "+@transaction", "+@connection", "-@dangerous"),
        )

    def at(self, user: str = USER, password: str = PASSWORD, host: str = HOST) -> str:
        """Return the URL of its TLS port, for a user."""
        return f"rediss://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{self.tls_port}/0"
