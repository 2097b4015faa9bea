"""The PEM files with which a connection is protected by TLS: whom to trust, and who we say we are."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

KINDS: Final = ("cafile", "certfile", "keyfile")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; without a `cafile` the system's authorities are trusted."""

    cafile: Path | None = None
    certfile: Path | None = None
    keyfile: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Build the TLS context, which checks certificates and host names.

        Raises:
            OSError: a file cannot be read or is no PEM file (`ssl.SSLError` is an `OSError`).
        """
        context = ssl.create_default_context(cafile=str(self.cafile) if self.cafile else None)
        if self.certfile:
            context.load_cert_chain(str(self.certfile), str(self.keyfile) if self.keyfile else None)
        return context


def checked_files(values: dict[str, Any], of: str, unused_because: str | None, faults: list[str]) -> TlsFiles:
    """Take the files of one server out of `values` and check them together; what is wrong goes to `faults`.

    Args:
        values: settings by key, such as `kafka_cafile`.
        of: whose they are: `kafka` or `redis`.
        unused_because: why no file is used, if that is so: `GOLDSTREAM_REDIS is no rediss:// URL`.
        faults: what is wrong so far.
    """
    given = {kind: values.pop(f"{of}_{kind}", None) for kind in KINDS}
    files = TlsFiles(**given)
    named = {f"GOLDSTREAM_{of.upper()}_{kind.upper()}": path for kind, path in given.items() if path}
    if unused_because:
        way = "set that, or leave the file out"
        faults.extend(f"{name} is set but {unused_because}, which does not use it; {way}" for name in named)
    elif files.keyfile and not files.certfile:
        start = f"GOLDSTREAM_{of.upper()}"
        faults.append(f"{start}_CERTFILE must be set with {start}_KEYFILE: got nothing; set both")
    elif not faults:
        try:
            files.context()
        except OSError as error:
            shown = ", ".join(map(str, named.values())) or "of the system"
            faults.append(f"the TLS files {shown} cannot be used ({error}); they must be PEM")
    return files
