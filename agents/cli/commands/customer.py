"""`goldstream customer`: the story of a customer."""

import asyncio
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.json_output import JsonOption, write_json


def customer(
    context: typer.Context,
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show a customer's story: what is known, the segment since when and why, and what comes next and when.

    Moments are in UTC. Reads only from Kafka; the topics may no longer hold all changes and messages.
    """
    from agents.customer_view.story_reader import CustomerErased, NoCustomers, read_story
    from agents.customer_view.story_text import story_lines

    settings = load_context(context, config)
    with kafka_named(settings):
        try:
            story = asyncio.run(read_story(settings, customer_id))
        except (NoCustomers, CustomerErased) as error:
            raise CommandFailed(str(error)) from error
    if story is None:
        raise CommandFailed(f"customer {customer_id!r} is not known under the prefix {settings.prefix}; check the id")
    if as_json:
        write_json(story)
    else:
        for line in story_lines(story):
            typer.echo(line)
