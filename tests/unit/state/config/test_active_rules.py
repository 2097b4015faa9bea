"""The active policy and campaigns: the fold, the follower and the commands agree on them."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.control.control_follower import ControlFollower
from state.config.active_rules import ActiveRules, Decision, Outcome
from state.config.campaigns import parse_campaigns
from state.config.policy_reader import parse_policy
from state.fold.partition import Partition
from state.records.events import CampaignsApplied, PolicyApplied
from streams.kafka.control import ControlRecord, reduce_control
from streams.settings.settings import Settings
from streams.tables.customers_table import CustomersTable


class File(NamedTuple):
    """A policy or campaigns file as it is written to `control`."""

    kind: Literal["policy", "campaigns"]
    text: str


def policy(version: int = 1, head: str = "", name: str = "shop", currency: str = "RUB", r: str = "[60, 180]") -> File:
    return File(
        "policy",
        f'name = "{name}"\nversion = {version}\ncurrency = "{currency}"\n{head}\nrecency_days.edges = {r}\n'
        'frequency.edges = [2, 5]\nmonetary.edges = [5, 20]\n[[segment]]\nname = "all"\n',
    )


def campaigns(version: int = 1, template: str = "hi", name: str = "retail") -> File:
    return File(
        "campaigns",
        f'name = "{name}"\nversion = {version}\n[[campaign]]\nname = "hello"\ntopic = "offers"\nto = ["all"]\n'
        f'attempts = [{{ after_days = 1, template = "{template}" }}]\n',
    )


def commented(file: File) -> File:
    """Return a file with the same contents in another layout."""
    return File(file.kind, f"# ours\n{file.text}")


BEGIN: Final = 1_000
"""Every campaigns record begins at this moment plus its offset."""
INVALID_POLICY: Final = File("policy", "name = 1")
INVALID_CAMPAIGNS: Final = File("campaigns", "name = 1")

Active = tuple[int | None, int | None]
"""The offsets in `control` of the active policy and of the active campaigns."""


def by_reducer(files: Sequence[File]) -> Active:
    """Return the active files of a command or a replay."""
    return _active(reduce_control(_records(files)), files)


def by_follower(files: Sequence[File]) -> Active:
    """Return the active files of a worker that reads every record twice, as after a reconnect."""
    follower = ControlFollower(Settings())
    for record in (*_records(files), *_records(files)):
        follower.apply(record)
    return _active(follower.rules, files)


def by_fold(files: Sequence[File]) -> Active:
    """Return the active files of a journal partition."""
    partition = Partition(CustomersTable())
    for offset, file in enumerate(files):
        _fold(partition, offset, file)
    return _active_in(partition)


def by_recovering_fold(files: Sequence[File]) -> Active:
    """Return the active files of a journal partition that is recovered after every record."""
    partition = Partition(CustomersTable())
    for offset, file in enumerate(files):
        _fold(partition, offset, file)
        partition = Partition(CustomersTable(), partition.progress, texts=partition.texts)
    return _active_in(partition)


READERS: Final = (by_reducer, by_follower, by_fold, by_recovering_fold)


def _records(files: Sequence[File]) -> list[ControlRecord]:
    return [
        ControlRecord(file.kind, file.text, BEGIN + offset if file.kind == "campaigns" else None, offset=offset)
        for offset, file in enumerate(files)
    ]


def _fold(partition: Partition, offset: int, file: File) -> None:
    if file.kind == "policy":
        assert partition.apply(offset, "", PolicyApplied("control", 0, offset, file.text), [])
    else:
        assert partition.apply(offset, "", CampaignsApplied("control", 0, offset, file.text, BEGIN + offset), [])


def _active(rules: ActiveRules, files: Sequence[File]) -> Active:
    """Return the first records with the active texts: a repeated file does not replace the earlier record."""
    if rules.policy is None:
        return None, None
    texts = [file.text for file in files]
    if rules.campaigns is None:
        return texts.index(rules.policy.text), None
    offset = texts.index(rules.campaigns.text)
    assert rules.begins_at == BEGIN + offset
    return texts.index(rules.policy.text), offset


def _active_in(partition: Partition) -> Active:
    rules, progress = partition.rules, partition.progress
    if rules is None:
        return None, None
    assert rules.policy.text == partition.texts[progress.policy_offset]
    if rules.campaigns is None:
        return progress.policy_offset, None
    assert rules.campaigns.text == partition.texts[progress.campaigns_offset]
    assert rules.starts_at == BEGIN + progress.campaigns_offset
    return progress.policy_offset, progress.campaigns_offset


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("files", "active"),
    [
        pytest.param([], (None, None), id="nothing is active in an empty control"),
        pytest.param([policy(), campaigns()], (0, 1), id="a policy and its campaigns"),
        pytest.param([policy(), policy(2)], (1, None), id="the last version is active"),
        pytest.param([policy(2), policy(1)], (1, None), id="versions need not rise"),
        pytest.param([policy(), policy(name="other")], (1, None), id="a policy may have another name"),
        pytest.param([policy(), policy(2), commented(policy())], (2, None), id="an earlier version may return"),
        pytest.param([policy(), commented(policy())], (0, None), id="a repeated policy keeps the first text"),
        pytest.param([policy(), policy(r="[61, 180]")], (0, None), id="same name and version, other contents"),
        pytest.param([policy(), policy(2, currency="EUR")], (0, None), id="another currency"),
        pytest.param([policy(), policy(2, "window_days = 30")], (0, None), id="another window"),
        pytest.param([policy(), policy(2, 'timezone = "Europe/Moscow"')], (0, None), id="another time zone"),
        pytest.param([policy(), INVALID_POLICY], (0, None), id="an invalid policy has no effect"),
        pytest.param([INVALID_POLICY, policy()], (1, None), id="the first valid policy is the first"),
        pytest.param(
            [policy(), policy(2), policy(r="[61, 180]")], (2, None), id="a record is not compared with earlier versions"
        ),
        pytest.param(
            [policy(), policy(2, currency="EUR"), policy(2)], (2, None), id="a refused version was never active"
        ),
        pytest.param([campaigns()], (None, None), id="campaigns alone have no effect"),
        pytest.param([campaigns(), policy()], (1, 0), id="campaigns wait for the first policy"),
        pytest.param([campaigns(), campaigns(template="ho"), policy()], (2, 1), id="the last waiting campaigns count"),
        pytest.param(
            [campaigns(), INVALID_CAMPAIGNS, policy()], (2, 0), id="invalid campaigns do not replace waiting ones"
        ),
        pytest.param(
            [campaigns(), policy(), campaigns(template="ho")],
            (1, 0),
            id="changed active campaigns need another version",
        ),
        pytest.param([policy(), campaigns(), campaigns(2, "ho")], (0, 2), id="the last campaigns are active"),
        pytest.param(
            [policy(), campaigns(), commented(campaigns())], (0, 1), id="repeated campaigns keep the first text"
        ),
        pytest.param(
            [policy(), campaigns(), campaigns(template="ho")],
            (0, 1),
            id="campaigns with the same name and version, other contents",
        ),
        pytest.param(
            [policy(), campaigns(), campaigns(2), campaigns(template="ho")],
            (0, 3),
            id="a record is not compared with earlier campaigns",
        ),
        pytest.param([policy(), campaigns(), INVALID_CAMPAIGNS], (0, 1), id="invalid campaigns have no effect"),
        pytest.param([policy(), campaigns(), policy(2)], (2, 1), id="campaigns stay active under a new policy"),
    ],
)
def test_every_reader_of_control_has_the_same_active_rules(
    reader: Callable[[Sequence[File]], Active], files: list[File], active: Active
) -> None:
    assert reader(files) == active


FILES: Final = (
    *(policy(version, r=r) for version in (1, 2) for r in ("[60, 180]", "[61, 180]")),
    commented(policy()),
    policy(name="other"),
    policy(2, currency="EUR"),
    policy(2, "window_days = 30"),
    policy(3, 'timezone = "Europe/Moscow"'),
    INVALID_POLICY,
    *(campaigns(version, template) for version in (1, 2) for template in ("hi", "ho")),
    commented(campaigns()),
    campaigns(name="other"),
    INVALID_CAMPAIGNS,
)


@given(st.lists(st.sampled_from(FILES), max_size=8))
def test_the_fold_the_follower_and_the_commands_agree_on_any_control(files: list[File]) -> None:
    unique = [File(file.kind, f"{file.text}# {place}\n") for place, file in enumerate(files)]
    assert len({reader(unique) for reader in READERS}) == 1


@given(st.lists(st.sampled_from(FILES), max_size=8), st.sampled_from(FILES))
def test_a_command_writes_only_files_that_every_reader_accepts(files: list[File], new: File) -> None:
    rules = reduce_control(_records(files))
    if new in (INVALID_POLICY, INVALID_CAMPAIGNS):
        return
    decision = _check(rules, new)
    if decision.outcome is not Outcome.REFUSED:
        applied = rules.apply_policy(new.text) if new.kind == "policy" else rules.apply_campaigns(new.text)
        assert applied == decision


@pytest.mark.parametrize(
    ("files", "new", "decision"),
    [
        ([], policy(), Decision(Outcome.ACTIVATED)),
        ([policy()], policy(2), Decision(Outcome.ACTIVATED)),
        ([policy()], commented(policy()), Decision(Outcome.UNCHANGED)),
        ([policy(), policy(2)], policy(), Decision(Outcome.ACTIVATED)),
        (
            [policy()],
            policy(r="[61, 180]"),
            Decision(Outcome.REFUSED, ("shop@1 is already active with different recency_days; raise version to 2",)),
        ),
        (
            [policy(), policy(2)],
            policy(r="[61, 180]"),
            Decision(Outcome.REFUSED, ("shop@1 was active with other contents before; raise version",)),
        ),
        (
            [policy()],
            policy(2, currency="EUR"),
            Decision(
                Outcome.REFUSED, ("currency must stay RUB: got EUR; another one needs a new prefix and a replay",)
            ),
        ),
        (
            [],
            campaigns(),
            Decision(
                Outcome.REFUSED,
                ("no policy is active yet; apply one first (`goldstream policy apply`), or start a worker",),
            ),
        ),
        ([policy()], campaigns(), Decision(Outcome.ACTIVATED)),
        ([policy(), campaigns()], commented(campaigns()), Decision(Outcome.UNCHANGED)),
        (
            [policy(), campaigns()],
            campaigns(template="ho"),
            Decision(Outcome.REFUSED, ("retail@1 is already active with different campaign; raise version to 2",)),
        ),
        (
            [policy(), campaigns(), campaigns(2)],
            campaigns(template="ho"),
            Decision(Outcome.REFUSED, ("retail@1 was active with other contents before; raise version",)),
        ),
    ],
)
def test_a_command_is_refused_with_the_reason(files: list[File], new: File, decision: Decision) -> None:
    assert _check(reduce_control(_records(files)), new) == decision


def _check(rules: ActiveRules, new: File) -> Decision:
    if new.kind == "policy":
        return rules.check_policy(parse_policy(new.text))
    return rules.check_campaigns(parse_campaigns(new.text))


def test_an_invalid_file_is_reported_with_every_error() -> None:
    decision = ActiveRules().apply_policy("name = 1\nversion = 0")
    assert decision.outcome is Outcome.INVALID
    assert len(decision.errors) > 2


def test_admission_uses_the_rates_of_the_active_policy() -> None:
    rates = "[rates]\nEUR = 98\n"
    files = [policy(), File("policy", policy(2).text + rates), policy(3, currency="EUR")]
    follower = ControlFollower(Settings())
    for record in _records(files):
        follower.apply(record)
    assert follower.admission_rules is not None
    assert follower.admission_rules.currency == "RUB"
    assert list(follower.admission_rules.rates) == ["EUR"]


def test_records_read_again_do_not_reactivate_an_earlier_policy() -> None:
    first, second = _records([policy(), policy(2)])
    follower = ControlFollower(Settings())
    for record in (first, second, first):
        follower.apply(record)
    assert follower.rules.policy is not None
    assert follower.rules.policy.ref == "shop@2"
