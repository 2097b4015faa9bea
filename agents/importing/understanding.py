# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Understand staged files: which orders, refunds and other events they hold, and what was assumed to say so."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from agents.importing.events.counted_event import CountedEvent
from agents.importing.events.customer_ids import IdPrefixes, read_key
from agents.importing.events.event_writer import EventWriter
from agents.importing.events.examples import Examples
from agents.importing.events.imported_event import ImportedEvent
from agents.importing.events.refusals import base_currency, check_currencies, check_orders, leave_out_currencies
from agents.importing.events.row_events import RowEvents
from agents.importing.events.sales import Sales
from agents.importing.events.totals import Totals
from agents.importing.fields.form_fields import find_fields
from agents.importing.fields.source_plan import plan_sources
from agents.importing.fields.unusable_tables import check_belongs, check_cells_are_separated
from agents.importing.findings import UNREADABLE, Assumption, Findings, LeftOut, Question
from agents.importing.form_reader import FormReader
from agents.importing.mapping.event_fields import CONSENT_CHANNELS
from agents.importing.mapping.known_names import known_names
from agents.importing.mapping.mapping import Mapping
from agents.importing.orders.form_links import link_forms
from agents.importing.platforms.catalog import check_platform
from agents.importing.rows.list_explosion import rows_of
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.staging.stage import Staging
from state.config.config_errors import ConfigErrors
from state.intake.admission import AdmissionRules
from state.units.currencies import DIGITS
from state.units.time_zones import zone_names

__all__ = ["PolicyInfo", "Totals", "UnderstandOptions", "Understanding", "understand"]

_MIN_ORDERS: Final = 10
"""Of how many orders a single customer can have most without being stated."""


class UnderstandOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has decided besides the mapping.

    Attributes:
        allow_anonymous: whether most orders may be without a customer.
        latest_ms: the latest admissible moment; None: there is none, as in event mode.
        topic: short name of the source topic to publish to; events of kinds that it does not take are left out.
        key: of a keyed hash of customer ids; None: the mapping says where it is, if ids are to be hashed.
        import_id: id of the import, which every event carries; None: none.
        live: whether the events are no history (`backfill`).
        on_event: called with each event while it is counted, in the order of their moments.
    """

    allow_anonymous: bool = False
    latest_ms: int | None = None
    topic: str = "events"
    key: bytes | None = None
    import_id: str | None = None
    live: bool = False
    on_event: Callable[[ImportedEvent], None] | None = None


class Understanding:
    """What was understood of the files. If there are questions, nothing else is to be used.

    Attributes:
        platform: names of the platforms, with ` + ` between them.
        mapping: what was used, for a mapping file.
        assumptions: everything decided without being told, with the evidence.
        questions: what the files do not decide.
        left_out: rows and orders that become no events, by reason.
        currency: of the totals.
        totals: what the files hold.
        readers: of the forms of the files.
        samples: the first events of each kind, three in all.
    """

    def __init__(self, platform: str, mapping: Mapping, findings: Findings, left_out: LeftOut) -> None:
        self.platform = platform
        self.mapping = mapping
        self.left_out = left_out
        self.currency = ""
        self.totals = Totals()
        self.samples: list[ImportedEvent] = []
        self.readers: Sequence[FormReader] = ()
        self._findings = findings
        self._parts: Sequence[Sales | RowEvents] = ()
        self._rules = AdmissionRules("", 0, {})
        self._options = UnderstandOptions()

    @property
    def assumptions(self) -> list[Assumption]:
        """Everything decided without being told."""
        return self._findings.assumptions

    @property
    def questions(self) -> list[Question]:
        """What the files do not decide."""
        return self._findings.questions

    def events(self, *, import_id: str | None = None, live: bool | None = None) -> Iterator[ImportedEvent]:
        """Yield all events in the order of their moments, at the same moment signups before orders before refunds.

        Args:
            import_id: id of the import; None: that of the options.
            live: whether the events are no history; None: as the options say.
        """
        changes = {"import_id": import_id, "live": live}
        options = msgspec.structs.replace(
            self._options, **{name: value for name, value in changes.items() if value is not None}
        )
        for counted in self._counted(options):
            if counted.written is not None:
                yield counted.written.event

    def _counted(self, options: UnderstandOptions) -> Iterator[CountedEvent]:
        writer = EventWriter(
            self._rules,
            topic=options.topic,
            latest_ms=options.latest_ms,
            import_id=options.import_id,
            live=options.live,
        )
        return heapq.merge(*(part.events(writer) for part in self._parts), key=lambda each: each[:3])

    def survey(self, parts: Sequence[Sales | RowEvents], rules: AdmissionRules, options: UnderstandOptions) -> None:
        """Go through all events once, and count them; `understand` does it."""
        self._parts, self._rules, self._options = parts, rules, options
        totals, examples = self.totals, Examples()
        for counted in self._counted(options):
            if counted.written is None:
                assert counted.refusal is not None
                self.left_out.add(counted.refusal.reason, counted.line, str(counted.refusal))
                continue
            event = counted.written.event
            totals.add(event, counted.counted_minor)
            if options.on_event is not None:
                options.on_event(event)
            examples.add(event)
        lost = [part.lost_minor(rules.currency) for part in parts if isinstance(part, Sales)]
        totals.restore(sum((gross for gross, _ in lost), Decimal(0)), sum((refunds for _, refunds in lost), Decimal(0)))
        self.samples = examples.samples()
        self.currency = rules.currency


def understand(
    staging: Staging, mapping: Mapping, policy: PolicyInfo, options: UnderstandOptions | None = None
) -> Understanding:
    """Return what staged files hold.

    Args:
        staging: the files.
        mapping: what the user has decided, in a mapping file, by options or by answers.
        policy: of which currency and time zone matter.
        options: other decisions of the user.

    Raises:
        ConfigErrors: the mapping names an unknown platform.
        ImportRefused: what would be published is probably wrong.
    """
    options = options or UnderstandOptions()
    if errors := check_platform(mapping.platform):
        raise ConfigErrors(errors)
    findings, left_out = Findings(), LeftOut()
    check_cells_are_separated(staging)
    plans = plan_sources(staging, mapping, findings)
    for table in staging.tables:
        findings.assumptions += table.assumptions
        left_out.add_all(table.left_out)
    prefixes = IdPrefixes(mapping.source, options.key or read_key(mapping.identify))
    readers = []
    for number, plan in enumerate(plans):
        asked = len(findings.questions)
        fields = find_fields(plan, findings, allow_anonymous=options.allow_anonymous)
        check_belongs(plan, plans, findings.questions[asked:])
        reader = FormReader(number, plan.source, fields, policy, findings, options.latest_ms, prefixes)
        reader.decide()
        readers.append(reader)
    platform = " + ".join(dict.fromkeys(plan.platform for plan in plans))
    found = Understanding(platform, _written(mapping, readers), findings, left_out)
    found.readers = readers
    unread = sum(table.left_out.count(UNREADABLE) for table in staging.tables)
    found.totals.rows = unread + sum(rows_of(staging, table) for table in staging.tables)
    for reader in readers:
        if not found.questions:
            reader.build()
    if not found.questions:
        found.mapping = _written(mapping, readers)
        _count_events(staging, found, readers, policy, options)
    return found


def _count_events(
    staging: Staging,
    found: Understanding,
    readers: Sequence[FormReader],
    policy: PolicyInfo,
    options: UnderstandOptions,
) -> None:
    """Put the forms together, refuse what is probably wrong, and count the events.

    Raises:
        ImportRefused: what would be published is probably wrong.
    """
    parts = [part for reader in readers for part in (reader.sales, reader.rows) if part is not None]
    link_forms(staging.con, [reader.sales.name for reader in readers if reader.sales is not None])
    currency = policy.currency or base_currency(staging.con, parts)
    if policy.currency is None:
        leave_out_currencies(staging.con, parts, currency)
    check_currencies(staging, parts, currency, policy.rates)
    for reader in readers:
        reader.add_left_out(found.left_out)
    found.survey(parts, AdmissionRules(currency, DIGITS[currency], policy.rates, zone_names()), options)
    _add_customers(staging.con, parts, found.totals)
    _state_dominant_customer(staging.con, parts, found)
    for reader in readers:
        reader.state_results()
    are_refunds = any(
        reader.mapping.kind == "refund" or reader.mapping.refund_numbers or "type" in reader.mapping.fields
        for reader in readers
    )
    check_orders(
        staging, found.totals, found.left_out, allow_anonymous=options.allow_anonymous, are_refunds=are_refunds
    )


def _written(user: Mapping, readers: Sequence[FormReader]) -> Mapping:
    """Return the mapping to write down: that of the file, or of several with different forms what they share."""
    if len(readers) != 1:
        return user
    (reader,) = readers
    known = frozenset(known_names().guests)
    own_guests = tuple(text for text in reader.mapping.guests if text not in known)
    return msgspec.structs.replace(reader.mapping, guests=own_guests)


def _state_dominant_customer(con: Any, parts: Sequence[Sales | RowEvents], found: Understanding) -> None:
    """Say if one customer has most orders: that may stand for all unknown ones."""
    known = found.totals.orders - found.totals.anonymous
    everyone = " UNION ALL ".join(part.customers_sql() for part in parts)
    if known < _MIN_ORDERS or not everyone:
        return
    row = con.execute(
        f"SELECT customer, count(*) FROM ({everyone}) WHERE customer IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    ).fetchone()
    if row is not None and 2 * row[1] > known:
        evidence = f"{row[1]:,} of {known:,} orders and refunds; if it stands for unknown buyers, it is nobody"
        option = "[guests] in a mapping file (--map)"
        found.assumptions.append(Assumption("customers", f"{row[0]} is one customer", evidence, option))


def _add_customers(con: Any, parts: Sequence[Sales | RowEvents], totals: Totals) -> None:
    """Count the customers, and those who can be reached by each channel: by their latest consents."""
    everyone = " UNION ALL ".join(part.customers_sql() for part in parts)
    totals.customers = con.execute(f"SELECT count(DISTINCT customer) FROM ({everyone})").fetchone()[0]
    consents = [sql for part in parts if (sql := part.consents_sql())]
    if not consents:
        return
    latest = ", ".join(
        f"coalesce(arg_max(consent_{channel}, occurred_at), false) AS {channel}_granted" for channel in CONSENT_CHANNELS
    )
    channels = [channel for channel in CONSENT_CHANNELS if channel != "all"]
    counts = ", ".join(f"count(*) FILTER ({channel}_granted OR all_granted)" for channel in channels)
    row = con.execute(
        f"SELECT {counts} FROM (SELECT {latest} FROM ({' UNION ALL '.join(consents)}) WHERE customer IS NOT NULL "
        "GROUP BY customer)"
    ).fetchone()
    totals.reachable = {channel: count for channel, count in zip(channels, row, strict=True) if count}
