"""What kind of file it is, by its first bytes."""

import re
from typing import Final

from agents.importing.findings import FileError
from agents.importing.reading.byte_source import ByteSource
from agents.importing.reading.encodings.text_encoding import unicode_encoding

HEAD_BYTES: Final = 64 * 1024
FORMATS: Final = ("csv", "xlsx", "json", "jsonl", "parquet")
SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xlsb": "xlsx",
    ".xls": "xlsx",
    ".ods": "xlsx",
}
_AS_TABLE: Final = "export the orders as CSV or XLSX"
_NO_TABLES: Final = (
    (b"\xff\xd8\xff", f"a photo (JPEG); {_AS_TABLE}"),
    (b"\x89PNG", f"an image (PNG); {_AS_TABLE}"),
    (b"GIF8", f"an image (GIF); {_AS_TABLE}"),
    (b"BM", f"an image (BMP); {_AS_TABLE}"),
    (b"II*\0", f"an image (TIFF); {_AS_TABLE}"),
    (b"MM\0*", f"an image (TIFF); {_AS_TABLE}"),
    (b"RIFF", f"an image, sound or video; {_AS_TABLE}"),
    (b"%PDF", f"a PDF document; {_AS_TABLE}"),
    (b"{\\rtf", f"a text document (RTF); {_AS_TABLE}"),
    (b"SQLite format 3\0", f"an SQLite database; {_AS_TABLE}"),
    (b"Obj\x01", "an Avro file; convert it to Parquet"),
    (b"ORC", "an ORC file; convert it to Parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it and import the files in it"),
    (b"Rar!", "a RAR archive; unpack it and import the files in it"),
    (b"BZh", "compressed with bzip2; unpack it with bunzip2"),
    (b"\xfd7zXZ\0", "compressed with xz; unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it with unzstd"),
    (b"\x04\x22\x4d\x18", "compressed with lz4; unpack it with unlz4"),
    (b"\x1f\x9d", "compressed with compress; unpack it with uncompress"),
    (b"\x1f\x8b", "gzip within gzip; unpack it with gunzip"),
    (b"\x7fELF", f"a program; {_AS_TABLE}"),
    (b"MZ\x90\0", f"a program; {_AS_TABLE}"),
)
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_PARQUET: Final = b"PAR1"
_MARKUP: Final = re.compile(rb"<(!doctype|\?xml|html|table|meta|head|body)\b", re.IGNORECASE)
_JSON: Final = re.compile(rb'\s*(?:\{\s*(?:"|\}|$)|\[\s*(?:[{\["\]\-0-9]|true\b|false\b|null\b|$))')
_CONTROL: Final = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b"))
_MAX_CONTROL_SHARE: Final = 0.05


def file_kind(source: ByteSource) -> str:
    """Return what a file contains: `csv`, `json`, `xlsx` or `parquet`. JSON Lines are also `json`.

    Text that is not JSON is `csv`, and so is text in UTF-16 and UTF-32.

    Raises:
        FileError: it contains no table; the message names what it is and what to do.
    """
    head = source.head(HEAD_BYTES)
    if not head:
        raise FileError(f"{source.path} is empty; export it again")
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith((_OLE, _ZIP, _EMPTY_ZIP)):
        return "xlsx"
    for magic, what in _NO_TABLES:
        if head.startswith(magic) and (len(magic) > 2 or _is_binary(head)):
            raise FileError(f"{source.path} is {what}")
    return _text_kind(source, head)


def _text_kind(source: ByteSource, head: bytes) -> str:
    wide = unicode_encoding(head)
    text = head.decode(wide, errors="replace").encode() if wide else head
    if _is_binary(text):
        raise FileError(f"{source.path} is neither text nor a workbook; {_AS_TABLE}")
    if not text.strip() and len(head) < HEAD_BYTES:
        raise FileError(f"{source.path} is empty, apart from blank lines; export it again")
    if not text.strip():
        raise FileError(f"{source.path} begins with {len(head):,} bytes of blank lines; export it again")
    if _MARKUP.match(text.lstrip()):
        raise FileError(
            f"{source.path} is a web page or XML, whatever its name; open it in a spreadsheet program, save it as XLSX"
        )
    return "json" if _JSON.match(text) else "csv"


def _is_binary(head: bytes) -> bool:
    control = len(head) - len(head.translate(None, _CONTROL))
    return control > _MAX_CONTROL_SHARE * len(head)
