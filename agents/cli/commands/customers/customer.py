"""`goldstream customer`: the story of a customer."""

import asyncio
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.shop_policy import shop_policy
from agents.cli.terminal.json_output import JsonOption, write_json


def customer(
    context: typer.Context,
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show a customer's story: what is known, the segment since when and why, and what comes next and when.

    Times are in the shop's time zone (in --json, in UTC), the text and the titles of segments in the language of the
    terminal. Reads only from Kafka; the topics may no longer hold all changes and messages.
    """
    from agents.cli.reader import reader_language, reader_wording, titles_of
    from agents.customer_view.story_reader import CustomerErased, NoCustomers, read_story
    from agents.customer_view.story_text import story_lines
    from agents.customer_view.story_wording import StoryReader

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
        return
    policy, language = shop_policy(settings), reader_language()
    titles, zone = (titles_of(policy, language), policy.timezone) if policy else ({}, "UTC")
    reader = StoryReader(titles, zone, reader_wording(language))
    for line in story_lines(story, reader):
        typer.echo(line)
