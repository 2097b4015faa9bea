"""Write the help of a command or a group: what it does, arguments, options in groups, examples."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import typer

from agents.cli.help.examples import EXAMPLES, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.text import Text

MAX_WIDTH: Final = 100
_ARGUMENTS: Final = "Arguments"
_OPTIONS: Final = "Options"
_COMMANDS: Final = "Commands"


def write_help(command: Any, context: Any) -> None:
    """Write the help of a command to standard output.

    Args:
        command: a command or group of Typer.
        context: its context.
    """
    from rich.console import Console

    console = Console(highlight=False)
    console.width = min(console.width, MAX_WIDTH) if console.is_terminal else MAX_WIDTH
    with console.capture() as captured:
        _write(console, command, context)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def _write(console: "Console", command: Any, context: Any) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Text.assemble(("Usage: ", "bold"), _usage(command, context)))
    for paragraph in _paragraphs(command.help):
        console.print()
        console.print(Text(paragraph))
    rows: defaultdict[str, list[tuple[str, Text]]] = defaultdict(list)
    parameters = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    for each in parameters:
        is_argument = each.param_type_name == "argument"
        panel = each.rich_help_panel or (_ARGUMENTS if is_argument else _OPTIONS)
        rows[panel].append((_argument_name(each) if is_argument else _option_name(each), _meaning(each)))
    path = context.command_path.removeprefix("goldstream").strip()
    commands = getattr(command, "commands", {})
    for name in sorted(commands, key=lambda each: place_of(f"{path} {each}".strip())):
        subcommand = commands[name]
        if not subcommand.hidden:
            summary = next(iter(_paragraphs(subcommand.help)), "")
            rows[subcommand.rich_help_panel or _COMMANDS].append((name, Text(summary)))
    own = [panel for panel in (_ARGUMENTS, _OPTIONS) if panel in rows]
    others = [panel for panel in rows if panel not in own]
    for panel in (*others, *own) if commands else (*own[:-1], *others, *own[-1:]):
        _write_rows(console, panel, rows[panel])
    examples = EXAMPLES.get(path, ())
    if examples:
        console.print()
        console.print(Text("Examples", style="bold"))
        for example in examples:
            console.print(Padding(Text(f"# {example.purpose}", style="dim"), (0, 0, 0, 2)))
            console.print(Padding(Text(f"goldstream {example.arguments}"), (0, 0, 0, 2)))


def _usage(command: Any, context: Any) -> str:
    arguments = [_argument_name(each) for each in command.params if each.param_type_name == "argument"]
    required = [each for each in command.params if each.param_type_name == "option" and each.required]
    options = [_option_name(each).strip() for each in required]
    ending = ["COMMAND"] if getattr(command, "commands", None) else []
    return " ".join([context.command_path, *options, "[OPTIONS]", *arguments, *ending])


def _paragraphs(text: str | None) -> "Iterable[str]":
    """Yield the paragraphs of a docstring, each in one line."""
    import inspect

    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph:
            yield " ".join(paragraph.split())


def _argument_name(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper())
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option_name(option: Any) -> str:
    """Return the short and the long name and the placeholder; further long names are aliases of earlier versions."""
    short = next((each for each in option.opts if not each.startswith("--")), "")
    long = next((each for each in option.opts if each.startswith("--")), "")
    opposite = f" / {option.secondary_opts[0]}" if option.secondary_opts else ""
    placeholder = "" if option.is_flag else f" {_placeholder(option)}"
    return f"{f'{short}, ' if short else '    '}{long}{opposite}{placeholder}"


def _placeholder(option: Any) -> str:
    if option.metavar:
        return str(option.metavar)
    choices = getattr(option.type_descriptor, "choices", None)
    return "|".join(map(str, choices)) if choices else "VALUE"


def _meaning(parameter: Any) -> "Text":
    from rich.text import Text

    text = Text(" ".join((parameter.help or "").split()))
    notes = []
    if parameter.required:
        notes.append("required")
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if low is not None:
        notes.append(f"at least {low:,}" if high is None else f"{low:,} to {high:,}")
    if default := _default(parameter):
        notes.append(f"default: {default}")
    if notes:
        text.append(f" [{'; '.join(notes)}]", style="dim")
    return text


def _default(parameter: Any) -> str:
    """Return the default as users write it: the text given for it, else the value; empty if there is none to name."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    if value is None or value is False or callable(value) or not parameter.show_default:
        return ""
    if value is True:
        return str(parameter.opts[0])
    return f"{value:,}" if isinstance(value, int) else str(value)


def _write_rows(console: "Console", title: str, rows: "list[tuple[str, Text]]") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold cyan", max_width=MAX_WIDTH // 2)
    table.add_column(overflow="fold")
    for name, meaning in rows:
        table.add_row(Text(name), meaning)
    console.print()
    console.print(Text(title, style="bold"))
    console.print(Padding(table, (0, 0, 0, 2)))
