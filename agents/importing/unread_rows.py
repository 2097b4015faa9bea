# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Write the rows that could not be read as they came in, so that they can be corrected and imported again."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agents.importing.findings import FileError
from agents.importing.form_reader import FormReader
from agents.importing.rows.row_source import LINES_PER_FILE

_ROWS_PER_FETCH: Final = 1_000
LINE_COLUMN: Final = "import line"
REASON_COLUMN: Final = "import error"


def write_unread_rows(path: Path, readers: Sequence[FormReader], errors: Sequence[tuple[int, str]]) -> None:
    """Write the rows that cannot be read or contradict each other as CSV, with all rows of their orders.

    Its first two columns are the line in the file and the reason; the others are those of the file. Rows of a further
    form of file go to a file of their own: `errors-2.csv`.

    Args:
        path: of the new file.
        readers: of the forms.
        errors: line and message of events that would be rejected.

    Raises:
        FileError: the file cannot be written.
    """
    written = 0
    for reader in readers:
        rows = reader.unread_rows(errors)
        if not rows and (written or reader is not readers[-1]):
            continue
        written += 1
        place = path if written == 1 else path.with_stem(f"{path.stem}-{written}")
        try:
            _write(place, reader, rows)
        except OSError as error:
            raise FileError(f"{place} cannot be written ({error.strerror}); name another file") from error


def _write(path: Path, reader: FormReader, rows: dict[int, str]) -> None:
    source = reader.source
    names, columns = source.main.names, [source.staging.column(source.main, name) for name in source.main.names]
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((LINE_COLUMN, REASON_COLUMN, *names))
        found = source.staging.con.cursor().execute(
            f"SELECT file::BIGINT * {LINES_PER_FILE} + line AS position, line, {', '.join(columns)} "
            f"FROM {source.main.name} WHERE position IN (SELECT unnest(?::BIGINT[])) ORDER BY position",
            [list(rows)],
        )
        while fetched := found.fetchmany(_ROWS_PER_FETCH):
            for position, line, *cells in fetched:
                writer.writerow((line, rows[position], *("" if cell is None else cell for cell in cells)))
