"""The text of a token, `gs_<id>_<secret>`, and the digest that is stored of it."""

import hashlib
import re
import secrets
import string
from typing import Final

BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_CHARACTERS: Final = 8
SECRET_CHARACTERS: Final = 43
"""256 bits: nobody guesses it, so a plain SHA-256 of it protects the file as well as a slow hash would."""

_TOKEN: Final = re.compile(r"gs_([0-9A-Za-z]{1,64})_[0-9A-Za-z]{1,200}")


def generate_token() -> tuple[str, str]:
    """Return the id of a new token, and the token."""
    token_id = _random(ID_CHARACTERS)
    return token_id, f"gs_{token_id}_{_random(SECRET_CHARACTERS)}"


def id_of(token: str) -> str | None:
    """Return the id in a token; None if it is not one."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def digest(token: str) -> str:
    """Return the SHA-256 of a whole token in hexadecimal, which is all that the token file has of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _random(characters: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(characters))
