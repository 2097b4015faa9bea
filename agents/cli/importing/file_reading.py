"""Read files of history and understand them; what they cannot decide is asked in a terminal, or refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.cli.failures import print_error
from agents.cli.importing.mapping import base_mapping, remembered_file, with_options, write_file
from agents.cli.terminal.asking import ask, can_ask
from agents.cli.terminal.progress import progress_of
from agents.cli.terminal.quiet import note
from agents.importing.findings import UNREADABLE, ImportRefused, Question
from agents.importing.mapping.mapping import Mapping as ImportMapping
from agents.importing.mapping.mapping import combine
from agents.importing.mapping.mapping_answers import with_answer
from agents.importing.reading.opening import open_sources
from agents.importing.staging.stage import Staging, stage
from agents.importing.understanding import PolicyInfo, Understanding, UnderstandOptions, understand
from agents.importing.unread_rows import write_unread_rows
from state.config.config_errors import ConfigErrors
from state.units.counts import counted

PRINTED_ERRORS: Final = 10


@dataclass(frozen=True, kw_only=True)
class FilesGiven:
    """The files and the options that say how they are read.

    Attributes:
        files: at least one.
        map_file: of `--map`.
        write_map: of `--write-map`.
        options: by the key of the mapping file, such as `timezone` or `group.amount`; None: not given.
        fields: of `--field`.
        topic: short name of the source topic.
        limit: rows of each file.
    """

    files: Sequence[Path]
    map_file: Path | None
    write_map: Path | None
    options: Mapping[str, str | None]
    fields: Sequence[str]
    topic: str = "events"
    limit: int | None = None

    @property
    def names(self) -> str:
        """The names of the files, for people."""
        return ", ".join(file.name for file in self.files)

    def mapping(self) -> ImportMapping:
        """Return the mapping that options, mapping file and earlier answers make.

        Raises:
            UsageFailure, ConfigErrors: with all errors.
        """
        base = base_mapping(self.map_file, remembered_file(self.files))
        return with_options(base, self.options, self.fields, self.topic)


def read_files(given: FilesGiven, mapping: ImportMapping) -> Staging:
    """Return the rows of the files, read with a progress bar.

    Raises:
        FileError: a file cannot be read.
    """
    sources = [source for file in given.files for source in open_sources(file, mapping.read_options())]
    with progress_of(f"reading {given.names}", sum(source.size for source in sources)) as show:
        return stage(sources, show, given.limit)


def understand_files(
    given: FilesGiven, mapping: ImportMapping, staging: Staging, policy: PolicyInfo, options: UnderstandOptions
) -> Understanding:
    """Return what the files hold. Answers are remembered in a mapping file, which is named.

    Raises:
        ImportRefused: what would be published is probably wrong, or something must be known and nobody can be asked.
        typer.Abort: the input ends.
    """
    answers = ImportMapping()
    asked: set[str] = set()
    while (understanding := understand(staging, mapping, policy, options)).questions:
        question = understanding.questions[0]
        if not can_ask() or question.key in asked:
            raise ImportRefused("\n".join(map(_unanswered, understanding.questions)))
        asked.add(question.key)
        mapping, answers = _answered(question, mapping, answers)
    if given.write_map is not None:
        if write_file(given.write_map, understanding.mapping):
            note(f"goldstream: the mapping is in {given.write_map}")
    elif asked:
        remembered = remembered_file(given.files)
        if write_file(remembered, combine(base_mapping(None, remembered), answers)):
            note(f"goldstream: the answers are in {remembered}; --write-map FILE writes the whole mapping")
    return understanding


def report_unreadable(given: FilesGiven, understanding: Understanding, errors_file: Path | None = None) -> int:
    """Write the first errors where nobody can overlook them, and return how many rows cannot be read.

    Args:
        given: the files.
        understanding: of them.
        errors_file: for all rows that cannot be read; None: none.

    Raises:
        ImportRefused: most rows cannot be read.
        FileError: the file of errors cannot be written.
    """
    count, rows = understanding.left_out.count(UNREADABLE), understanding.totals.rows
    errors = [f"{given.names}:{line}: {message}" for line, message in understanding.left_out.errors]
    if errors_file is not None:
        write_unread_rows(errors_file, understanding.readers, understanding.left_out.errors)
    for each in errors[:PRINTED_ERRORS]:
        print_error(each)
    if count > PRINTED_ERRORS:
        rest = (
            f"all of them are in {errors_file}" if errors_file else "`goldstream import --errors FILE` writes them all"
        )
        print_error(f"{counted(count - PRINTED_ERRORS, 'more row')} cannot be read; {rest}")
    if 2 * count > rows:
        raise ImportRefused(f"{count:,} of {counted(rows, 'row')} cannot be read: correct what the errors above name")
    if count:
        verb = "is" if count == 1 else "are"
        print_error(f"goldstream: {count:,} of {counted(rows, 'row')} cannot be read and {verb} left out")
    return count


def _answered(
    question: Question, mapping: ImportMapping, answers: ImportMapping
) -> tuple[ImportMapping, ImportMapping]:
    """Ask until the answer is valid, and return both mappings with it."""
    while True:
        answer = ask(question)
        try:
            return with_answer(mapping, question.key, answer), with_answer(answers, question.key, answer)
        except ConfigErrors as error:
            for line in error.errors:
                print_error(line)


def _unanswered(question: Question) -> str:
    """Return a question that nobody can be asked, with the option that answers it."""
    text = question.text.removesuffix(".")
    return f"{text} Give {question.option}" if text.endswith("?") else f"{text}; give {question.option}"
