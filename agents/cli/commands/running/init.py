"""`goldstream init`: decide what the first start fixes, and write settings, policy and campaigns files."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.failures import CommandFailed, UsageFailure, print_error
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from agents.cli.first_start.answers import Question
    from streams.defaults import Language

PERMANENT = "Permanent choices"


def init(  # noqa: PLR0913, PLR0917 - each is an option of the command
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to write the files.")] = Path(),
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="Base currency.", rich_help_panel=PERMANENT)
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="When a day of the shop begins.", rich_help_panel=PERMANENT),
    ] = None,
    window_days: Annotated[
        str | None,
        typer.Option(
            metavar="DAYS", help="How long an order counts for frequency and monetary.", rich_help_panel=PERMANENT
        ),
    ] = None,
    partitions: Annotated[
        str | None,
        typer.Option(metavar="N", help="At most so many workers share the customers.", rich_help_panel=PERMANENT),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Of the policy and the campaigns.")] = None,
    typical_order: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What a typical order brings; sets the thresholds of monetary.")
    ] = None,
    kafka: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Bootstrap servers.")] = None,
    replication: Annotated[str | None, typer.Option(metavar="N", help="Replication of the topics.")] = None,
    redis: Annotated[str | None, typer.Option(metavar="URL", help="Redis for look-ups; - for none.")] = None,
    prefix: Annotated[str | None, typer.Option(metavar="NAME", help="Prefix of topics and Redis keys.")] = None,
    language: Annotated[
        str | None,
        typer.Option(metavar="en|ru", help="Of questions and comments.", show_default="that of the terminal"),
    ] = None,
    takes_defaults: Annotated[
        bool, typer.Option("--defaults", help="Ask nothing, and take the default of what is not given.")
    ] = False,
    overwrites: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write settings, policy and campaigns files for a new shop, with comments, after asking what cannot change later.

    Without a terminal, give the permanent choices as options, or --defaults. Nothing connects to Kafka.
    """
    given = {
        "currency": currency,
        "timezone": timezone,
        "window_days": window_days,
        "partitions": partitions,
        "name": name,
        "typical_order": typical_order,
        "kafka": kafka,
        "replication": replication,
        "redis": redis,
        "prefix": prefix,
    }
    chosen = _language(language)
    _check_folder(folder, overwrites=overwrites)
    asks = sys.stdin.isatty() and not takes_defaults
    answers = _answers({key: text for key, text in given.items() if text is not None}, chosen, asks, takes_defaults)
    _write(folder, answers, chosen, as_json=as_json)


def _language(text: str | None) -> "Language":
    from agents.cli.reader import reader_language

    languages: dict[str | None, Language] = {None: reader_language(), "en": "en", "ru": "ru"}
    if text not in languages:
        raise UsageFailure(f"--language must be en or ru: got {text!r}")
    return languages[text]


def _check_folder(folder: Path, *, overwrites: bool) -> None:
    from agents.cli.first_start.files import CAMPAIGNS_FILE, POLICY_FILE, SETTINGS_FILE

    existing = [str(folder / each) for each in (SETTINGS_FILE, POLICY_FILE, CAMPAIGNS_FILE) if (folder / each).exists()]
    if existing and not overwrites:
        raise CommandFailed(f"{', '.join(existing)} exist already; name another folder, or overwrite them by --force")


def _answers(given: dict[str, str], language: "Language", asks: bool, takes_defaults: bool) -> dict[str, Any]:
    """Return the answers to all questions: given by options, asked, or the defaults.

    Raises:
        UsageFailure: an option is invalid, or permanent choices are missing and nobody can be asked.
    """
    from agents.cli.first_start.answers import QUESTIONS
    from agents.cli.first_start.words import CHANGEABLE, PERMANENT

    missing = [question for question in QUESTIONS if question.is_permanent and question.key not in given]
    errors = []
    if missing and not asks and not takes_defaults:
        options = ", ".join(_option(question) for question in missing)
        errors.append(f"{options} must be given where nobody can be asked: they are permanent; or give --defaults")
    answers: dict[str, Any] = {}
    was_permanent = False
    for question in QUESTIONS:
        if asks and question.is_permanent != was_permanent:
            typer.echo(f"\n{(PERMANENT if question.is_permanent else CHANGEABLE)[language]}", err=True)
            was_permanent = question.is_permanent
        text = given.get(question.key)
        if text is None and asks:
            answers[question.key] = _ask(question, answers, language)
            continue
        try:
            answers[question.key] = question.parse(question.default(answers) if text is None else text)
        except ValueError as error:
            errors.append(f"{_option(question)} must {error}: got {text!r}")
            answers[question.key] = question.parse(question.default(answers))
    if errors:
        raise UsageFailure(*errors)
    return answers


def _option(question: "Question") -> str:
    return f"--{question.key.replace('_', '-')}"


def _ask(question: "Question", answers: dict[str, Any], language: "Language") -> Any:
    from agents.cli.first_start.words import QUESTIONS

    while True:
        text: str = typer.prompt(QUESTIONS[language][question.key], default=question.default(answers), err=True)
        try:
            return question.parse(text.strip())
        except ValueError as error:
            print_error(f"{_option(question)} must {error}: got {text!r}")


def _write(folder: Path, answers: dict[str, Any], language: "Language", *, as_json: bool) -> None:
    from agents.cli.first_start.files import CAMPAIGNS_FILE, POLICY_FILE, SETTINGS_FILE, write_files
    from agents.cli.first_start.words import SUMMARY

    folder.mkdir(parents=True, exist_ok=True)
    files = write_files(answers, language)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    if as_json:
        write_json({"files": [str(folder / file) for file in files]})
        return
    typer.echo(
        SUMMARY[language].format(
            **answers,
            settings=folder / SETTINGS_FILE,
            policy=folder / POLICY_FILE,
            campaigns=folder / CAMPAIGNS_FILE,
        ),
        nl=False,
    )
