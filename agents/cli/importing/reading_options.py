"""The options that say what a file is and how it is read, for all commands that read files of history."""

from pathlib import Path
from typing import Annotated, Final

import typer

FORM: Final = "What the file is"
READING: Final = "How it is read"

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]…",
        help="CSV, XLSX, JSON, JSON Lines or Parquet, each also as .gz; several that belong together.",
    ),
]
PlatformOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="PLATFORM", help="Where it is from.", show_default="recognized", rich_help_panel=FORM
    ),
]
MapOption = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="TOML file that maps columns to fields.", rich_help_panel=FORM),
]
WriteMapOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the mapping that was used, with the answers given.", rich_help_panel=FORM),
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD=COLUMN", help="Column of a field; may be repeated.", rich_help_panel=FORM),
]
GroupAmountOption = Annotated[
    str | None,
    typer.Option(
        metavar="sum|first",
        help="Whether the amounts of an order's lines are parts of it, or each line repeats it.",
        rich_help_panel=FORM,
    ),
]
AllowAnonymousOption = Annotated[
    bool,
    typer.Option("--allow-anonymous", help="Go on although most orders have no customer.", rich_help_panel=FORM),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORM",
        help="csv, xlsx, json, jsonl or parquet.",
        show_default="by the content",
        rich_help_panel=READING,
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Encoding, such as cp1251.", show_default="detected", rich_help_panel=READING),
]
DelimiterOption = Annotated[
    str | None,
    typer.Option(metavar="SIGN", help="Delimiter of CSV.", show_default="detected", rich_help_panel=READING),
]
SheetOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Sheet of a workbook.", show_default="the largest", rich_help_panel=READING),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="Time zone of moments without an offset, such as Europe/Moscow.",
        show_default="the policy's, if its file names one",
        rich_help_panel=READING,
    ),
]
TimeFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="FORM",
        help="Such as %d/%m/%Y %H:%M, or unix, unix_ms.",
        show_default="decided from the whole column",
        rich_help_panel=READING,
    ),
]
DecimalOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIGN",
        help='Decimal sign, "." or ",".',
        show_default="decided from the whole column",
        rich_help_panel=READING,
    ),
]
CurrencyOption = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="Currency of rows that name none.",
        show_default="that of the policy",
        rich_help_panel=READING,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Read at most this number of rows of each file.", rich_help_panel=READING),
]
