"""Find out how far the journal goes, from outside: without a consumer group, and without writing."""

from state.config.active_rules import ActiveRules
from streams.kafka.cluster import end_offsets
from streams.kafka.topics import Topics
from streams.settings.settings import Settings


class EmptyJournal(Exception):
    """Nothing was ever journaled under this prefix."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            f"no policy is active under the prefix {prefix}, so its journal has no events; correct "
            "GOLDSTREAM_PREFIX, or start a worker first"
        )


async def journal_ends(settings: Settings, rules: ActiveRules) -> dict[int, int]:
    """Return the current end offset of each journal partition.

    Raises:
        EmptyJournal: there is no journal, or `rules`, the active ones, have no policy.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    ends = await end_offsets(settings, Topics(settings.prefix).journal)
    if not ends or rules.policy is None:
        raise EmptyJournal(settings.prefix)
    return ends
