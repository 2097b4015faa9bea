"""Decide the encoding of a text file from all of its bytes."""

import codecs
from typing import Final

import msgspec

from agents.importing.findings import Assumption, FileError
from agents.importing.reading.byte_source import ByteSource
from agents.importing.reading.encodings.byte_survey import ByteSurvey
from agents.importing.reading.encodings.language_letters import fit_of_language

# What people use, the more frequent first: among equally good ones the first is chosen.
CANDIDATES: Final = """
    cp1252 cp1255 cp1251 cp1250 cp1254 cp1253 cp1256 cp1257 cp932 gb18030 big5 cp949 euc_jp cp866 koi8_r koi8_u cp874
    cp850 cp437 cp852 mac_roman mac_cyrillic iso8859_2 iso8859_5 iso8859_15
""".split()  # noqa: SIM905 - names as prose
_UTF_32_BOMS: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_UTF_16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_WIDE: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_MAX_INVALID_SHARE: Final = 0.25
"""Of the valid bytes outside ASCII: so many are invalid in a damaged UTF-8 file; other encodings have more."""
_FIRST_IDEOGRAPH: Final = "\u2e80"
_ESCAPED: Final = 0xDC00
"""What `surrogateescape` adds to a byte."""
_EXAMPLE_LETTERS: Final = 30
"""Of a line, before and after its first letter outside ASCII."""
_MAX_MESS: Final = 0.6
_GOOD_SCORE: Final = 0.7


class TextEncoding(msgspec.Struct, frozen=True):
    """The encoding of a text file, and what its bytes are like.

    Attributes:
        name: for `bytes.decode`.
        errors: for `bytes.decode`: what it does with bytes that are invalid.
        invalid: the file may have bytes that are invalid.
        nul: it may have NUL characters.
        quotes: it may have quotes.
        assumption: None if it is plain UTF-8 or ASCII, or the user decided it.
    """

    name: str
    errors: str
    invalid: bool = True
    nul: bool = True
    quotes: bool = True
    assumption: Assumption | None = None

    @property
    def title(self) -> str:
        """The name for people."""
        name = self.name.removesuffix("-sig")
        return name.upper() if name.startswith("utf") else name


def unicode_encoding(head: bytes) -> str | None:
    """Return the encoding if a byte order mark tells it, or if the text is UTF-16 or UTF-32 without one."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith(_UTF_32_BOMS):
        return "utf-32"
    if head.startswith(_UTF_16_BOMS):
        return "utf-16"
    sample = head[:4096]
    if 0 in sample:
        return next((encoding for encoding in _WIDE if _reads_as(sample[: len(sample) // 4 * 4], encoding)), None)
    return None


def decide_encoding(source: ByteSource, given: str | None) -> TextEncoding:
    """Return the encoding that the user gave, or the one that all bytes of the file fit best.

    Raises:
        FileError: the given encoding is unknown, or none fits.
    """
    wide = unicode_encoding(source.head(4096))
    if given is not None:
        return _given_encoding(source, given, wide)
    if wide is not None and wide != "utf-8-sig":
        marked = wide in {"utf-16", "utf-32"}
        evidence = "the file begins with its byte order mark" if marked else "its letters have two or four bytes each"
        return TextEncoding(wide, "replace", assumption=Assumption("encoding", wide, evidence, "--encoding"))
    survey = ByteSurvey()
    for chunk in source.chunks():
        survey.add(chunk)
    survey.end()
    invalid = survey.invalid_lines > 0
    if survey.invalid_bytes <= _MAX_INVALID_SHARE * survey.valid_bytes or wide is not None:
        assumption = _mostly_utf8(survey) if invalid else None
        return TextEncoding(
            "utf-8-sig", "surrogateescape", invalid=invalid, nul=survey.nul, quotes=survey.quotes, assumption=assumption
        )
    name = _best_candidate(source, survey)
    example = _around_first_letter(survey.first_invalid.decode(name, "replace"))
    evidence = f"line {survey.first_line} is not UTF-8, but reads so: {example}"
    assumption = Assumption("encoding", name, evidence, "--encoding")
    return TextEncoding(name, "surrogateescape", nul=survey.nul, quotes=survey.quotes, assumption=assumption)


def _given_encoding(source: ByteSource, given: str, wide: str | None) -> TextEncoding:
    try:
        name = codecs.lookup(given).name
        known = isinstance("a".encode(name), bytes)  # not one of rot13, base64, …
    except (LookupError, ValueError):
        known = False
    if not known:
        raise FileError(f"{source.path}: --encoding {given} is unknown; use a name such as utf-8, cp1251 or utf-16")
    if wide is not None and name in {"utf-8", "utf-16", "utf-32"}:
        name = wide  # with its byte order mark
    errors = "surrogateescape" if not name.startswith(("utf-16", "utf-32")) else "replace"
    return TextEncoding(name, errors)


def _reads_as(sample: bytes, encoding: str) -> bool:
    """Return whether text in an encoding has only letters and signs, among them those that separate cells."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:
            return False
        text = sample[: error.start].decode(encoding)
    separators = sum(text.count(separator) for separator in ",;\t|\n\r{}\"' ")
    ideographs = sum(letter > _FIRST_IDEOGRAPH for letter in text)  # which two letters of ASCII look like
    if separators * 50 < len(text) or ideographs * 2 > len(text):
        return False
    return all(letter.isprintable() or letter in "\t\r\n\x0b\x0c" for letter in text)


def _mostly_utf8(survey: ByteSurvey) -> Assumption:
    place = invalid_place(survey.first_invalid.decode("utf-8", "surrogateescape"))
    evidence = (
        f"all lines are valid UTF-8 but {survey.invalid_lines:,}, the first of them line {survey.first_line}: {place}"
    )
    return Assumption("encoding", "utf-8", evidence, "--encoding")


def invalid_place(text: str) -> str:
    """Return which byte of a text is invalid in its encoding, and after what."""
    at = next(number for number, letter in enumerate(text) if _is_invalid(letter))
    byte = f"byte 0x{ord(text[at]) - _ESCAPED:02X}" if text[at] != "\ufffd" else "a byte"
    before = text[max(0, at - _EXAMPLE_LETTERS) : at].lstrip()
    return f"{byte} after {before!r}" if before else f"{byte} at its beginning"


def has_invalid_bytes(text: str) -> bool:
    """Return whether a text has bytes that are invalid in its encoding, which decoding let through."""
    return not text.isascii() and any(map(_is_invalid, text))


def _is_invalid(letter: str) -> bool:
    return "\udc80" <= letter <= "\udcff" or letter == "\ufffd"


def _around_first_letter(line: str) -> str:
    at = next((index for index, letter in enumerate(line) if not letter.isascii()), 0)
    return line[max(0, at - _EXAMPLE_LETTERS) : at + _EXAMPLE_LETTERS].strip()


def _best_candidate(source: ByteSource, survey: ByteSurvey) -> str:
    """Return the encoding that the lines outside UTF-8 fit best; a few of them may be damaged."""
    score, name = best_encoding(survey.sample())
    if score < _GOOD_SCORE:
        score, name = max((score, name), best_encoding(survey.sample(without_rare=True)), key=lambda one: one[0])
    if not name:
        raise FileError(f"{source.path} is in an unknown encoding; give it, such as --encoding cp1251")
    return name


def best_encoding(sample: bytes) -> tuple[float, str]:
    """Return the encoding in which a sample is least messy and most like one language, and how good it is.

    Returns:
        At most about 1, and the encoding; 0 and an empty name if it fits none.
    """
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=CANDIDATES, threshold=_MAX_MESS)
    mess = {encoding: match.chaos for match in matches for encoding in match.could_be_from_charset}
    best = 0.0, ""
    for encoding in CANDIDATES:
        try:
            fit = fit_of_language(sample.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
        score = round(fit - mess.get(encoding, _MAX_MESS), 2)
        if score > best[0]:
            best = score, encoding
    return best
