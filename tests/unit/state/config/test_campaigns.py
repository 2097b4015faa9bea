"""The campaigns file: its fields and defaults, its errors, when a new version is accepted, and who is in a share."""

from hashlib import sha256

import pytest

from state.config.active_rules import ActiveRules, Outcome
from state.config.campaigns import Campaign, Step, is_in_share, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy_reader import parse_policy
from state.config.sending_limits import FrequencyCap, QuietHours
from state.units.timestamps import DAY_MS
from streams.defaults import campaigns_text, policy_text

SEGMENTS = parse_policy(policy_text()).segment_names
HOUR = 60

MINIMAL = """
name = "shop"
version = 1
[[campaign]]
name = "hello"
topic = "offers"
to = ["new"]
attempts = [{ after_days = 1, template = "hi" }]
"""

COMPLETE = """
name = "retail"
version = 1
timezone = "Europe/Moscow"
quiet_hours = ["21:00", "09:00"]
cap = { messages = 3, days = 7 }
control = 0.0
starts_at = 2026-01-01T00:00:00Z

[[campaign]]
name = "win-back"
topic = "reactivations"
from = []
to = ["churned"]
causes = ["purchase", "refund", "signup", "consent", "time"]
channels = ["email", "sms"]
requires_consent = true
attempts = [
  { after_days = 1, template = "we-miss-you", incentive = "10%" },
  { after_days = 7, template = "we-miss-you-2" },
  { after_days = 21, template = "last-call", channels = ["sms"] },
]
cooldown_days = 90
once = false
ignores_cap = false
holdout = 0.05
expires_days = 14
silence_after_days = 30
"""

WIN_BACK = Campaign(
    name="win-back",
    topic="reactivations",
    from_segments=(),
    to=("churned",),
    causes=("purchase", "refund", "signup", "consent", "time"),
    channels=("email", "sms"),
    requires_consent=True,
    steps=(
        Step(DAY_MS, "we-miss-you", "10%", ("email", "sms")),
        Step(7 * DAY_MS, "we-miss-you-2", None, ("email", "sms")),
        Step(21 * DAY_MS, "last-call", None, ("sms",)),
    ),
    cooldown_ms=90 * DAY_MS,
    once=False,
    ignores_cap=False,
    holdout=0.05,
    expires_ms=14 * DAY_MS,
    silence_after_ms=30 * DAY_MS,
)


def shop(old: str, new: str) -> str:
    """Return the minimal campaigns file with one text replaced."""
    assert old in MINIMAL, old
    return MINIMAL.replace(old, new, 1)


def errors_of(text: str) -> list[str]:
    """Return the errors of a campaigns file under the built-in policy's segments and two known time zones."""
    with pytest.raises(ConfigErrors) as refused:
        parse_campaigns(text, SEGMENTS, ["UTC", "Europe/Moscow"])
    return list(refused.value.errors)


def test_every_field_of_a_campaigns_file_is_read() -> None:
    file = parse_campaigns(COMPLETE, SEGMENTS)
    assert (file.name, file.version, file.ref, file.text) == ("retail", 1, "retail@1", COMPLETE)
    assert file.timezone == "Europe/Moscow"
    assert file.quiet_hours == QuietHours(21 * HOUR, 9 * HOUR)
    assert file.cap == FrequencyCap(3, 7 * DAY_MS)
    assert file.control == 0
    assert file.starts_at == 1_767_225_600_000
    assert file.campaigns == (WIN_BACK,)
    assert file.by_name == {"win-back": WIN_BACK}


def test_absent_fields_have_their_defaults() -> None:
    file = parse_campaigns(MINIMAL)
    assert (file.timezone, file.quiet_hours, file.cap, file.control, file.starts_at) == ("UTC", None, None, 0.0, None)
    assert file.by_name["hello"] == Campaign(
        name="hello",
        topic="offers",
        from_segments=(),
        to=("new",),
        causes=("purchase", "refund", "signup", "consent", "time"),
        channels=("email",),
        requires_consent=True,
        steps=(Step(DAY_MS, "hi", None, ("email",)),),
        cooldown_ms=0,
        once=False,
        ignores_cap=False,
        holdout=0.0,
        expires_ms=None,
        silence_after_ms=None,
    )


def test_the_built_in_file_has_the_documented_campaigns() -> None:
    file = parse_campaigns(campaigns_text(), SEGMENTS)
    summaries = {
        name: (campaign.topic, campaign.from_segments, campaign.to, campaign.once, campaign.ignores_cap)
        for name, campaign in file.by_name.items()
    }
    assert summaries == {
        "welcome": ("offers", (), ("potential",), True, False),
        "second-purchase": ("offers", ("none", "potential"), ("new",), False, False),
        "thanks": ("offers", ("new", "active"), ("loyal",), False, False),
        "golden-welcome": ("offers", (), ("golden",), True, True),
        "come-back-soon": ("reactivations", ("golden", "loyal"), ("at_risk",), False, False),
        "win-back": ("reactivations", (), ("churned",), False, False),
    }
    assert file.by_name["welcome"].causes == ("signup", "consent")
    assert file.by_name["second-purchase"].steps[0].after_ms == 7 * DAY_MS
    assert file.by_name["win-back"] == WIN_BACK
    assert (file.ref, file.timezone, file.quiet_hours, file.cap, file.control) == (
        "retail@2",
        "Europe/Moscow",
        QuietHours(21 * HOUR, 9 * HOUR),
        FrequencyCap(3, 7 * DAY_MS),
        0.0,
    )
    assert {campaign.holdout for campaign in file.campaigns} == {0.05}


def test_a_file_may_have_no_campaigns() -> None:
    assert parse_campaigns('name = "quiet"\nversion = 1\n').campaigns == ()


def test_fractions_of_days_become_whole_milliseconds() -> None:
    file = parse_campaigns(
        shop("after_days = 1", "after_days = 0.001").replace(
            "to =", "cooldown_days = 0.5\nexpires_days = 1e-9\nsilence_after_days = 1.5\nto ="
        )
    )
    campaign = file.by_name["hello"]
    assert campaign.steps[0].after_ms == 86_400
    assert (campaign.cooldown_ms, campaign.expires_ms, campaign.silence_after_ms) == (DAY_MS // 2, 1, 3 * DAY_MS // 2)


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T03:00:00.9999+03:00", 1_767_225_600_999),
        ('"2026-01-01T00:00:00Z"', 1_767_225_600_000),
        ("2026-01-01 00:00:00Z", 1_767_225_600_000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_the_start_is_a_moment_truncated_to_the_millisecond(written: str, ms: int) -> None:
    assert parse_campaigns(shop("version = 1", f"version = 1\nstarts_at = {written}")).starts_at == ms


@pytest.mark.parametrize(
    ("head", "begins_at", "start"),
    [
        ("", None, None),
        ("", 700, 700),
        ("starts_at = 1970-01-01T00:00:00.500Z", 700, 500),
        ("starts_at = 1970-01-01T00:00:00.900Z", 700, 900),
        ("starts_at = 1970-01-01T00:00:00.900Z", None, 900),
        ('starts_at = "always"', 700, None),
        ('starts_at = "always"', None, None),
    ],
)
def test_the_beginning_of_the_record_counts_where_the_file_does_not_say(
    head: str, begins_at: int | None, start: int | None
) -> None:
    assert parse_campaigns(shop("version = 1", f"version = 1\n{head}")).start(begins_at) == start


@pytest.mark.parametrize(
    ("written", "minutes"),
    [('["21:00", "09:00"]', (1260, 540)), ('["00:00", "23:59"]', (0, 1439)), ('["13:30", "14:15"]', (810, 855))],
)
def test_quiet_hours_may_span_midnight_or_not(written: str, minutes: tuple[int, int]) -> None:
    file = parse_campaigns(shop("version = 1", f"version = 1\nquiet_hours = {written}"))
    assert file.quiet_hours == QuietHours(*minutes)


def test_without_a_policy_any_segment_name_is_accepted() -> None:
    assert parse_campaigns(shop('["new"]', '["vip"]')).campaigns[0].to == ("vip",)


QUIET = 'quiet_hours must be two times of day, such as ["21:00", "09:00"]: got'
START = (
    'starts_at must be a time with an offset in the years 1970 to 2199, such as 2026-01-01T00:00:00Z, or "always": got'
)
HELLO = "campaign 1 (hello): "


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (
            'timezone = "Europe/Moskau"',
            'timezone has the unknown time zone "Europe/Moskau"; did you mean Europe/Moscow?',
        ),
        (
            'timezone = "MSK"',
            'timezone has the unknown time zone "MSK"; use a name such as Europe/Moscow, not an abbreviation',
        ),
        ('timezone = "+03:00"', 'timezone must be the IANA name of a time zone, such as Europe/Moscow: got "+03:00"'),
        ('quiet_hours = "21:00"', f'{QUIET} "21:00"'),
        ('quiet_hours = ["21:00"]', f'{QUIET} ["21:00"]'),
        ('quiet_hours = ["21:00", "24:00"]', f'{QUIET} ["21:00", "24:00"]'),
        ('quiet_hours = ["9:00", "21:00"]', f'{QUIET} ["9:00", "21:00"]'),
        ('quiet_hours = ["21:00", 9, "09:00"]', f'{QUIET} ["21:00", 9, "09:00"]'),
        ("quiet_hours = [21:00:00, 09:00:00]", f"{QUIET} [21:00:00, 09:00:00]"),
        (
            'quiet_hours = ["09:00", "09:00"]',
            "quiet_hours must be two different times; remove it for no quiet hours",
        ),
        ("cap = 3", "cap must be a table: got 3"),
        ("cap = { messages = 3 }", "cap.days is missing; add it"),
        ("cap = { messages = 0, days = 7 }", "cap.messages must be a whole number from 1 to 1000000000: got 0"),
        ("cap = { messages = 3, days = 0 }", "cap.days must be a number above 0 and up to 1000000: got 0"),
        ("cap = { messages = 3, days = 7, hours = 1 }", "cap.hours is unknown; valid values: messages, days"),
        ("control = 1.1", "control must be a number from 0 to 1: got 1.1"),
        ("control = -0.1", "control must be a number from 0 to 1: got -0.1"),
        ("control = nan", "control must be a number from 0 to 1: got nan"),
        ('control = "5%"', 'control must be a number from 0 to 1: got "5%"'),
        ("control = false", "control must be a number from 0 to 1: got false"),
        ("starts_at = 2026-01-01", f"{START} 2026-01-01"),
        ("starts_at = 2026-01-01T00:00:00", f"{START} 2026-01-01 00:00:00"),
        ("starts_at = 0001-01-01T00:00:00+23:59", f"{START} 0001-01-01 00:00:00+23:59"),
        ("starts_at = 2200-01-01T00:00:00Z", f"{START} 2200-01-01 00:00:00+00:00"),
        ('starts_at = "soon"', f'{START} "soon"'),
        ("starts_at = 0", f"{START} 0"),
        ("quite_hours = 1", "quite_hours is unknown; did you mean quiet_hours?"),
    ],
)
def test_an_error_in_the_head_names_the_field_and_the_value(head: str, error: str) -> None:
    assert [line for line in errors_of(shop("version = 1", f"version = 1\n{head}")) if line.startswith(error)]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('name = "hello"', "", "campaign 1: name is missing; add it"),
        ('"hello"', '"Hello!"', 'campaign 1: name must be 1 to 64 of a-z, 0-9, _ and -: got "Hello!"'),
        ('topic = "offers"', "", f"{HELLO}topic is missing; add it"),
        ('"offers"', '"offer"', f'{HELLO}topic must be offers or reactivations: got "offer"'),
        ('to = ["new"]', "", f"{HELLO}to is missing; add it"),
        ('["new"]', "[]", f"{HELLO}to must contain at least one name: got []"),
        ('["new"]', '"new"', f'{HELLO}to must be a list of at most 100 names: got "new"'),
        ('["new"]', "[1]", f"{HELLO}to must be a list of at most 100 names: got [1]"),
        ('["new"]', '["gold"]', f'{HELLO}to contains the unknown name "gold"; did you mean golden?'),
        ('["new"]', '["none"]', f'{HELLO}to contains the unknown name "none"; '),
        ('["new"]', '["new", "new"]', f'{HELLO}to must not contain a name twice: got ["new", "new"]'),
        ("to =", 'from = ["gone"]\nto =', f'{HELLO}from contains the unknown name "gone"; '),
        ("to =", 'from = "none"\nto =', f'{HELLO}from must be a list of at most 100 names: got "none"'),
        ("to =", "causes = []\nto =", f"{HELLO}causes must contain at least one name: got []"),
        (
            "to =",
            'causes = ["buy"]\nto =',
            f'{HELLO}causes contains the unknown name "buy"; valid values: purchase, refund',
        ),
        ("to =", 'channels = ["mail"]\nto =', f'{HELLO}channels contains the unknown name "mail"; did you mean email?'),
        (
            "to =",
            'channels = ["sms", "sms"]\nto =',
            f'{HELLO}channels must not contain a name twice: got ["sms", "sms"]',
        ),
        ("to =", "channels = []\nto =", f"{HELLO}channels must contain at least one name: got []"),
        ("to =", "requires_consent = 1\nto =", f"{HELLO}requires_consent must be true or false: got 1"),
        ("to =", 'once = "yes"\nto =', f'{HELLO}once must be true or false: got "yes"'),
        ("to =", "ignores_cap = 0\nto =", f"{HELLO}ignores_cap must be true or false: got 0"),
        ("to =", "holdout = 5\nto =", f"{HELLO}holdout must be a number from 0 to 1: got 5"),
        ("to =", "cooldown_days = -1\nto =", f"{HELLO}cooldown_days must be a number from 0 to 1000000: got -1"),
        ("to =", "expires_days = 0\nto =", f"{HELLO}expires_days must be a number above 0 and up to 1000000: got 0"),
        (
            "to =",
            "silence_after_days = 0\nto =",
            f"{HELLO}silence_after_days must be a number above 0 and up to 1000000",
        ),
        ("to =", "cooldown = 1\nto =", f"{HELLO}cooldown is unknown; did you mean cooldown_days?"),
        ("attempts =", "attempt =", f"{HELLO}attempts is missing; add it"),
        ('[{ after_days = 1, template = "hi" }]', "[]", f"{HELLO}attempts must be a list of 1 to 1000 tables: got []"),
        (
            '[{ after_days = 1, template = "hi" }]',
            "[1]",
            f"{HELLO}attempts must be a list of 1 to 1000 tables: got [1]",
        ),
        ("after_days = 1, ", "", f"{HELLO}attempts 1: after_days is missing; add it"),
        ("= 1, t", "= -1, t", f"{HELLO}attempts 1: after_days must be a number from 0 to 1000000: got -1"),
        (', template = "hi"', "", f"{HELLO}attempts 1: template is missing; add it"),
        ('"hi"', '""', f'{HELLO}attempts 1: template must be a string of 1 to 200 characters: got ""'),
        (
            '"hi"',
            '"hi", incentive = 10',
            f"{HELLO}attempts 1: incentive must be a string of 1 to 200 characters: got 10",
        ),
        (
            '"hi"',
            '"hi", channels = ["fax"]',
            f'{HELLO}attempts 1: channels contains the unknown name "fax"; valid values: email',
        ),
        ('"hi"', '"hi", channels = []', f"{HELLO}attempts 1: channels must contain at least one name: got []"),
        ('"hi"', '"hi", subject = "Hi"', f"{HELLO}attempts 1: subject is unknown; valid values: after_days, template"),
    ],
)
def test_an_error_in_a_campaign_names_its_place_and_the_value(old: str, new: str, error: str) -> None:
    found = errors_of(shop(old, new))
    assert [line for line in found if line.startswith(error)], found


def test_each_step_must_be_later_than_the_one_before() -> None:
    second = '"hi" }, { after_days = 1.0, template = "hi-again" }'
    assert errors_of(shop('"hi" }', second)) == [
        "campaign 1 (hello): attempts 2: after_days must be greater than in the preceding step: got 1, then 1.0"
    ]


def test_a_campaign_name_must_be_unique() -> None:
    twice = MINIMAL + MINIMAL[MINIMAL.index("[[campaign]]") :]
    assert errors_of(twice) == ["campaign 2 (hello): name is already used by campaign 1; choose another one"]


def test_none_is_not_a_target_segment() -> None:
    with pytest.raises(ConfigErrors, match=r"to must not contain none: no change leads there"):
        parse_campaigns(shop('["new"]', '["none"]'))


def test_all_errors_are_reported_together() -> None:
    text = shop("version = 1", "version = 0\ncontrol = 2").replace('"offers"', '"letters"').replace('"hi"', "5")
    assert errors_of(text) == [
        "version must be a whole number from 1 to 1000000000: got 0",
        "control must be a number from 0 to 1: got 2",
        'campaign 1 (hello): topic must be offers or reactivations: got "letters"',
        "campaign 1 (hello): attempts 1: template must be a string of 1 to 200 characters: got 5",
    ]


def test_layout_and_comments_do_not_change_the_contents() -> None:
    one = parse_campaigns(MINIMAL)
    other = parse_campaigns("# Ours\n" + shop("after_days = 1", "after_days = 1.0") + "once = false\n")
    assert one.contents() == other.contents()
    assert ActiveRules(parse_policy(policy_text()), one).check_campaigns(other).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"hi"', '"hello"', "shop@1 is already active with different campaign; raise version to 2"),
        (
            "version = 1",
            "version = 1\ncontrol = 0.5",
            "shop@1 is already active with different control; raise version to 2",
        ),
        (
            "version = 1",
            'version = 1\ntimezone = "Europe/Moscow"\ncap = { messages = 1, days = 1 }',
            "shop@1 is already active with different timezone and cap; raise version to 2",
        ),
        (
            "version = 1",
            'version = 1\nstarts_at = "always"',
            "shop@1 is already active with different starts_at; raise version to 2",
        ),
        ("version = 1", "version = 2\ncontrol = 0.5", None),
        ('name = "shop"', 'name = "store"\ncontrol = 0.5', None),
    ],
)
def test_changed_contents_require_a_new_version_or_name(old: str, new: str, reason: str | None) -> None:
    active = ActiveRules(parse_policy(policy_text()), parse_campaigns(MINIMAL))
    decision = active.check_campaigns(parse_campaigns(shop(old, new)))
    assert decision.errors == (() if reason is None else (reason,))
    assert (decision.outcome is Outcome.REFUSED) == (reason is not None)


def test_a_share_is_drawn_by_the_documented_hash() -> None:
    customers = [f"c-{n}" for n in range(500)] + ["Ёлка", "", "a:b", "😀"]
    for share in (0.0, 0.05, 0.5, 1.0):
        for customer in customers:
            digest = sha256(f"win-back:{customer}".encode()).hexdigest()
            assert is_in_share("win-back", customer, share) == (int(digest[:16], 16) / 2**64 < share)
    assert 100 < sum(is_in_share("win-back", customer, 0.3) for customer in customers) < 200
    assert [is_in_share("win-back", c, 0.5) for c in customers] != [is_in_share("thanks", c, 0.5) for c in customers]
