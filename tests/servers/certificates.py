"""Certificates for one test run, made by openssl: an authority and the certificates it signs."""

import ipaddress
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.servers import program

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")


class Certificate(NamedTuple):
    """A certificate and its key, each in a PEM file; `both` has the two in one, as Kafka's PEM key store needs them."""

    certfile: Path
    keyfile: Path
    both: Path


class Authority:
    """A certificate authority; clients trust it by `cafile`."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        """Make it.

        Args:
            directory: Where its files go.
            name: The name of its files and its subject.

        Raises:
            Missing: openssl is not installed.
        """
        self._openssl = program("openssl", "openssl")
        self._directory = directory
        self._keyfile = directory / f"{name}.key"
        self.cafile = directory / f"{name}.pem"
        may_sign = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
        self._make(name, self.cafile, self._keyfile, *may_sign)

    def issue(self, name: str, *hosts: str) -> Certificate:
        """Issue a certificate for a server with these names and addresses, or for a client if there are none."""
        made = Certificate(*(self._directory / f"{name}.{end}" for end in ("pem", "key", "both")))
        kinds = {host: "IP" if _is_address(host) else "DNS" for host in hosts}
        names = [f"subjectAltName={','.join(f'{kind}:{host}' for host, kind in kinds.items())}"] if hosts else []
        vouched = ("-CA", str(self.cafile), "-CAkey", str(self._keyfile))
        self._make(name, made.certfile, made.keyfile, "basicConstraints=critical,CA:FALSE", *names, by=vouched)
        made.both.write_text(made.keyfile.read_text() + made.certfile.read_text() + self.cafile.read_text())
        return made

    def _make(self, name: str, certfile: Path, keyfile: Path, *extensions: str, by: tuple[str, ...] = ()) -> None:
        added = [word for extension in extensions for word in ("-addext", extension)]
        subprocess.run(
            [
                *(self._openssl, "req", "-x509", *_KEY, "-subj", f"/CN={name}", *by, *added),
                *("-keyout", str(keyfile), "-out", str(certfile)),
            ],
            check=True,
            capture_output=True,
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
