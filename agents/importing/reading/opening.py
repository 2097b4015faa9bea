"""Open a file as a table, whatever its format."""

from pathlib import Path

from agents.importing.findings import FileError
from agents.importing.reading.csv_table import CsvTable
from agents.importing.reading.json_table import JsonTable
from agents.importing.reading.source_table import ReadOptions, SourceTable


def open_source(path: Path, options: ReadOptions | None = None) -> SourceTable:
    """Return a file as a table; its format is decided by its content.

    Raises:
        FileError: the file cannot be read, or is no table; the message is one line that states what to do.
    """
    options = options or ReadOptions()
    try:
        with path.open("rb") as file:
            start = file.read(1024).lstrip()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}); name an existing file") from error
    return JsonTable(path) if start.startswith((b"{", b"[")) else CsvTable(path, options)
