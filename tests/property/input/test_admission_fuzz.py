"""Every published value becomes an event or is rejected, and the oracle agrees which."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st

from state.intake.admission import SOURCE_TOPICS, AdmissionRules, Admitted, Rejected
from state.records.events import OrderPlaced, decode_record, encode_record
from state.records.reasons import RejectionReason
from tests.oracle import admission as oracle
from tests.records.published import KINDS, LATE, RUBLES, VALID, admit_record

sources = st.sampled_from(SOURCE_TOPICS)
kinds = st.sampled_from(sorted(KINDS))
FIELDS: Final = sorted({name for fields in VALID.values() for name in fields} | {"rate", "type", "backfill"})
ZONES: Final = frozenset({"Europe/Moscow", "UTC"})
RULES: Final = AdmissionRules(RUBLES.currency, RUBLES.digits, RUBLES.rates, ZONES)
ORACLE_RULES: Final = oracle.Rules(RUBLES.currency, RUBLES.rates, ZONES, LATE)


def admit_and_check(source: str, value: bytes) -> Admitted | Rejected:
    """Admit a value; check what holds for every outcome, and that the oracle decides the same."""
    outcome = admit_record(source, value, RULES)
    assert isinstance(outcome, Admitted | Rejected)
    if isinstance(outcome, Admitted):
        assert 0 < len(outcome.customer_id) <= 128 or outcome.event.kind == "anonymous"
        assert decode_record(encode_record(outcome.event)) == outcome.event
        assert len(outcome.customer_id.encode()) <= 512
        decision = "anonymous" if outcome.event.kind == "anonymous" else "admitted"
    else:
        assert outcome.reason in RejectionReason
        assert outcome.detail.isprintable()
        assert 0 < len(outcome.detail.encode()) <= 1000
        decision = outcome.reason
    try:
        expected = oracle.outcome(source, value, ORACLE_RULES)
    except oracle.Undecided:
        assert isinstance(outcome, Admitted) or decision in {"amount", "currency", "future"}
    else:
        assert decision == expected
    return outcome


# --- Published values


surrogates = st.characters(categories=["Cs"])
texts = st.text(max_size=12) | st.text(surrogates | st.characters(), max_size=4)
numbers = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -0.0, 10**15, 10**16, 10**400, -(10**4000)])
)
number_texts = st.from_regex(r"\A-?[0-9]{0,18}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,12})?\Z") | st.just("9" * 5000)
likely_texts = st.sampled_from(
    [
        *("RUB", "EUR", "JPY", "KWD", "ZZZ", "email", "all", "opened", "bounced", "Europe/Moscow", "1990-12-31", ""),
        *("2026-05-12T10:00:00Z", "2026-05-12T10:00:00.123456+03:00", "2200-01-01T00:00:00Z", "2016-12-31T23:59:60Z"),
        *KINDS.values(),
        *("x" * 128, "x" * 129, "x" * 64, "x" * 65),
    ]
)
leaves = st.none() | st.booleans() | numbers | texts | number_texts | likely_texts
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed_records(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Generate a source topic and a valid event of it with some fields changed, dropped or added."""
    source = draw(sources)
    kind = draw(kinds) if source == "events" else source
    fields = dict(VALID[kind])
    if source == "events":
        fields["type"] = KINDS[kind]
    names = st.sampled_from([*fields, *FIELDS]) | texts
    fields |= draw(st.dictionaries(names, anything, max_size=3))
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        fields.pop(name, None)
    return source, fields


pieces = st.binary(max_size=3) | st.sampled_from(
    [
        *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"-", b"0", b".", b"e", b"null", b"NaN", b"-Infinity"),
        *(b"\xff", b"\xef\xbb\xbf", b"\\ud800", b"\n", b"\x00", b'","event_id":"', b"[" * 600),
        *(b"1e999999999", b"9" * 5000),
    ]
)


@st.composite
def broken_bytes(draw: st.DrawFn) -> tuple[str, bytes]:
    """Generate a source topic and the bytes of an event with some cut out, inserted or overwritten."""
    source, fields = draw(changed_records())
    value = json.dumps(fields).encode()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(value)))
        end = draw(st.integers(start, min(len(value), start + 12)) | st.just(len(value)))
        value = value[:start] + draw(pieces) + value[end:]
    return source, value


# --- Every value is admitted or rejected


@given(sources, st.binary(max_size=400))
@example("purchases", b"")
@example("events", b"\xef\xbb\xbf{}")
@example("signups", b"[" * 100_000)
@example("purchases", b"[" * 65_536)
@example("refunds", b'{"amount":' + b"9" * 65_000 + b"}")
@example("contacts", b'{"cost": 1e999999999, "currency": "RUB"}')
def test_any_bytes_are_admitted_or_rejected(source: str, value: bytes) -> None:
    """No value raises, and the two decoders agree."""
    admit_and_check(source, value)


@given(published=changed_records(), escaped=st.booleans())
def test_any_fields_are_admitted_or_rejected(published: tuple[str, dict[str, Any]], *, escaped: bool) -> None:
    """Values of any type in known and unknown fields, as UTF-8 or with escapes."""
    source, fields = published
    admit_and_check(source, json.dumps(fields, ensure_ascii=escaped).encode("utf-8", "replace"))


@given(broken_bytes())
def test_any_broken_event_is_admitted_or_rejected(published: tuple[str, bytes]) -> None:
    """Bytes close to a valid event reach more code than random ones."""
    admit_and_check(*published)


@given(kinds, st.data())
def test_every_truncation_of_an_event_is_malformed(source: str, data: st.DataObject) -> None:
    """No prefix of a JSON object is a JSON object."""
    value = json.dumps(VALID[source], ensure_ascii=False).encode()
    outcome = admit_and_check(source, value[: data.draw(st.integers(0, len(value) - 1))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "malformed"


@given(kinds, st.integers(1, 1200), st.sampled_from([b"[]", b"{}"]))
def test_an_event_may_nest_500_levels_deep(source: str, depth: int, pair: bytes) -> None:
    """The limit includes the event itself and does not depend on the depth of the caller's stack."""
    opening, closing = (b"[", b"]") if pair == b"[]" else (b'{"u":', b"}")
    deep = opening * (depth - 1) + pair + closing * (depth - 1)
    outcome = admit_and_check(source, json.dumps(VALID[source]).encode()[:-1] + b', "u": ' + deep + b"}")
    assert isinstance(outcome, Admitted) == (depth < 500)


# --- The reason and the event


ERRORS: Final[Mapping[str, list[tuple[str, object]]]] = {
    "invalid": [("event_id", 5), ("order_id", None), ("backfill", "no"), ("coupon", []), ("customer_id", "x" * 129)],
    "amount": [("amount", "-1"), ("amount", 10**16), ("discount", -5)],
    "currency": [("currency", "ZZZ"), ("currency", "GBP"), ("currency", "XAU")],
    "future": [("occurred_at", "2199-01-01T00:00:00Z")],
}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SPELLINGS: Final[Mapping[str, Callable[[Decimal], str]]] = {
    "text": lambda paid: f'"{paid}"',
    "number": str,
    "exponent": lambda paid: f"{int(paid * 100)}e-2",
    "padded": lambda paid: f'"{paid}0000"',
}
labelled_errors = st.sampled_from(
    [(reason, name, wrong) for reason, errors in ERRORS.items() for name, wrong in errors]
)


@given(st.lists(labelled_errors, max_size=4, unique_by=lambda error: error[1]), st.randoms())
def test_of_several_errors_the_first_reason_is_given(errors: list[tuple[str, str, object]], random: Any) -> None:
    """The order of the fields does not matter."""
    fields = list((dict(VALID["purchases"]) | {name: wrong for _, name, wrong in errors}).items())
    random.shuffle(fields)
    outcome = admit_and_check("purchases", json.dumps(dict(fields)).encode())
    reasons = {reason for reason, _, _ in errors}
    expected = next((reason for reason in RejectionReason if reason in reasons), None)
    assert (outcome.reason if isinstance(outcome, Rejected) else None) == expected


@given(
    st.decimals(0, 10**9, places=2),
    st.decimals(0, 10**5, places=2),
    st.sampled_from(["RUB", "EUR"]),
    st.decimals("0.0001", 1000, places=4),
    st.integers(0, 120 * 365 * 86_400_000_000),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(sorted(SPELLINGS)),
)
def test_a_purchase_equals_an_independent_computation(
    amount: Decimal, discount: Decimal, currency: str, rate: Decimal, at_us: int, zone: int, spelling: str
) -> None:
    """Minor units, conversion and moment are computed with Decimal and datetime; the product uses neither here."""
    spell = SPELLINGS[spelling]
    moment = (EPOCH + timedelta(microseconds=at_us)).astimezone(timezone(timedelta(minutes=zone)))
    head = {"event_id": "e", "customer_id": "c", "order_id": "o", "currency": currency, "rate": str(rate)}
    value = json.dumps(head | {"occurred_at": moment.isoformat()})[:-1]
    value += f', "amount": {spell(amount)}, "discount": {spell(discount)}}}'
    outcome = admit_and_check("purchases", value.encode())
    assert isinstance(outcome, Admitted)
    event = outcome.event
    assert isinstance(event, OrderPlaced)
    with localcontext(prec=60):
        price = Decimal(1) if currency == "RUB" else rate
        assert event.amount == amount * 100
        assert event.base == (amount * price).quantize(Decimal("0.01")) * 100
        assert event.discount == (discount * price).quantize(Decimal("0.01")) * 100
    assert event.occurred_at == at_us // 1000
    assert event.rate == (None if currency == "RUB" else str(rate))
