"""The token in the headers of a request: `Authorization: Bearer`, or the user name of Basic."""

import base64
import binascii


def token_in(authorization: str) -> str | None:
    """Return the token in a header `Authorization`; None if it is neither Bearer nor Basic.

    In Basic the password is ignored, as Segment's libraries leave it empty.
    """
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return decoded.partition(":")[0]
