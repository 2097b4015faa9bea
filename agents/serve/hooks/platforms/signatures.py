"""Check who signed a delivery: HMAC over the raw bytes, in constant time, with any of several secrets."""

import base64
import hmac
from collections.abc import Sequence


def is_signed_base64(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether the signature is the base64 of an HMAC-SHA256 of the body with one of the secrets."""
    return _matches(signature, [base64.b64encode(hmac.digest(each.encode(), body, "sha256")) for each in secrets])


def is_signed_sha1(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether the signature is the hexadecimal HMAC-SHA1 of the body with one of the secrets."""
    expected = [hmac.digest(each.encode(), body, "sha1").hex().encode() for each in secrets]
    return _matches(signature.lower(), expected)


def is_one_of(text: str, secrets: Sequence[str]) -> bool:
    """Whether a text is one of the secrets."""
    return _matches(text, [each.encode() for each in secrets])


def _matches(given: str, expected: Sequence[bytes]) -> bool:
    """Compare with each, whether or not an earlier one was equal."""
    text = given.strip().encode("utf-8", "replace")
    found = False
    for each in expected:
        found |= hmac.compare_digest(text, each)
    return found
