"""The PEM files of a TLS connection: trusted authorities, and the client's certificate and key."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

KINDS: Final = ("cafile", "certfile", "keyfile")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; without a `cafile`, the system's authorities are trusted."""

    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a TLS context, which verifies certificates and host names.

        Raises:
            OSError: a file cannot be read or is not PEM (`ssl.SSLError` is an `OSError`).
        """
        context = ssl.create_default_context(cafile=str(self.cafile) if self.cafile else None)
        if self.certfile:
            context.load_cert_chain(str(self.certfile), str(self.keyfile) if self.keyfile else None)
        return context


def parse_tls_files(values: dict[str, Any], server: str, unused_because: str | None, errors: list[str]) -> TlsFiles:
    """Remove the files of one server from `values` and validate them together; add errors to `errors`.

    Args:
        values: settings by key, such as `kafka_cafile`.
        server: `kafka` or `redis`.
        unused_because: why no file is used, if so: `GOLDSTREAM_REDIS is not a rediss:// URL`.
        errors: the errors so far.
    """
    given = {kind: values.pop(f"{server}_{kind}", None) for kind in KINDS}
    files = TlsFiles(**given)
    named = {f"GOLDSTREAM_{server.upper()}_{kind.upper()}": path for kind, path in given.items() if path}
    if unused_because:
        remedy = "set that, or remove the file"
        errors.extend(f"{name} is set but {unused_because}, which does not use it; {remedy}" for name in named)
    elif files.keyfile and not files.certfile:
        start = f"GOLDSTREAM_{server.upper()}"
        errors.append(f"{start}_CERTFILE must be set with {start}_KEYFILE: got nothing; set both")
    elif not errors:
        try:
            files.context()
        except OSError as error:
            shown = ", ".join(map(str, named.values())) or "of the system"
            errors.append(f"the TLS files {shown} cannot be used ({error}); they must be PEM")
    return files
