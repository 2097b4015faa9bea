"""One journal partition: fold its records, keep its customers, emit changes and messages.

The fold is a function of the journal alone. It may stop after any record and resume from what was written: a record
that was applied before is recognized by the fences and changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol, cast

from state.config.active_rules import ActiveRules, Outcome
from state.config.campaigns import outdated_campaigns, parse_campaigns
from state.config.policy_reader import parse_policy
from state.config.ruleset import Ruleset
from state.customer.profile import Profile, new_profile
from state.customer.profile_schema import ProfileHead
from state.daily.day_counter import BEFORE_DAYS, DayCounter
from state.fold.event_rules import EVENT_RULES, EventRule
from state.fold.timers import TimerQueue
from state.fold.transitions import (
    FoldCounters,
    advance_time,
    apply_campaigns,
    apply_event,
    apply_policy,
    evaluation_time,
)
from state.records.erasure import Erasure, erasure_key
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    CustomerErased,
    CustomerEvent,
    JournalRecord,
    PolicyApplied,
    Tick,
)
from state.records.outputs import ErasureTombstone, Output
from state.records.progress import NO_WATERMARK, Progress
from state.records.reasons import DropReason, Fence
from state.units.timestamps import NEVER, format_ms

NO_TIMER: Final = -1
"""In place of a due moment in a `FoldPosition`: no customer has been reached by the record yet."""


class Customers(Protocol):
    """The profiles of a partition's customers. A profile is changed in place between `get` and `put`."""

    def get(self, customer_id: str) -> Profile | None:
        """Return the customer's profile, None for an unknown customer."""

    def put(self, customer_id: str, profile: Profile) -> None:
        """Keep the profile, to be written with the next flush."""

    def remove(self, customer_id: str) -> None:
        """Remove the customer, which the next flush writes as a tombstone."""

    def ids(self) -> Iterable[str]:
        """Return the ids of all known customers."""

    def heads(self) -> Iterable[tuple[str, ProfileHead]]:
        """Return all known customers with the head of their profile."""

    def due(self, customer_id: str) -> int:
        """Return the customer's next due moment, `NEVER` for an unknown customer."""


class Partition:
    """The state of one journal partition and the fold over its records."""

    def __init__(
        self,
        customers: Customers,
        progress: Progress | None = None,
        erasures: dict[bytes, Erasure] | None = None,
        texts: dict[int, str] | None = None,
        *,
        daily: DayCounter | None = None,
        slice_size: int = 2_500,
    ) -> None:
        """Resume from what was recovered.

        Args:
            customers: the table.
            progress: how far the partition has come; None for a new one.
            erasures: the ledger of erasures, by the hash of the customer's id.
            texts: the TOML of policies and campaigns, by their offset in `control`.
            daily: the daily totals to count into; None for none.
            slice_size: how many customers one call of `apply` may change.
        """
        self.customers = customers
        self.progress = Progress(0, NO_WATERMARK, -1, {}) if progress is None else progress
        self.erasures = {} if erasures is None else erasures
        self.new_erasures: dict[bytes, Erasure] = {}
        self.texts = {} if texts is None else texts
        self.new_texts: dict[int, str] = {}
        self.counters = FoldCounters(daily)
        self.segment_counts: Counter[str] = Counter()
        self.slice_size = slice_size
        self.daily = daily
        self._reached = (0, NO_TIMER, "")
        self.rules: Ruleset | None = None
        if daily is not None:
            daily.start()
        policy_offset, campaigns_offset = self.progress.policy_offset, self.progress.campaigns_offset
        self._active = ActiveRules(
            parse_policy(self.texts[policy_offset]) if policy_offset >= 0 else None,
            parse_campaigns(self.texts[campaigns_offset]) if campaigns_offset >= 0 else None,
            begins_at=self.progress.begins_at,
        )
        self._set_rules()
        dues = []
        for customer_id, head in customers.heads():
            dues.append((head.due, customer_id))
            self.segment_counts[head.segment] += 1
        self.timers = TimerQueue(dues)
        self._remaining: Iterator[str] | None = None
        self._outdated: frozenset[str] = frozenset()

    def apply(self, offset: int, customer_id: str, record: JournalRecord, outputs: list[Output]) -> bool:
        """Fold one record into the partition, and append what it publishes to `outputs`.

        A tick, a policy or campaigns may change every customer. They are applied in slices, so that the caller can
        flush in between.

        Returns:
            Whether the record is done; if not, it must be applied again, with the same offset.
        """
        daily = self.daily
        if daily is not None and daily.is_refolding:
            daily.set_position(offset)
        if isinstance(record, Tick):
            return self._apply_tick(offset, record, outputs)
        sources, source = self.progress.sources, (record.topic, record.partition)
        if record.offset <= sources.get(source, -1):
            self.counters.fenced[Fence.SOURCE] += 1
            return True
        rule = EVENT_RULES.get(type(record))
        if rule is not None:
            self._apply_event(offset, customer_id, cast("CustomerEvent", record), rule, outputs)
        elif isinstance(record, CustomerErased):
            self._erase(offset, customer_id, record, outputs)
        elif isinstance(record, AnonymousSale):
            if daily is not None:
                daily.count_anonymous_sale(record)
        elif not self._apply_rules(offset, cast("PolicyApplied | CampaignsApplied", record), outputs):
            return False
        sources[source] = record.offset
        return True

    @property
    def today(self) -> int:
        """The local day of the watermark; long ago before the first tick, and without daily totals."""
        return BEFORE_DAYS if self.daily is None else self.daily.day_of(self.progress.watermark)

    def day_records(self, *, whole: bool) -> list[tuple[bytes, bytes | None]]:
        """Return the changed days as records of the table, to be written before the ledger and all other records.

        Args:
            whole: whether the last record is done; otherwise a slice of it is, and it will be applied again.
        """
        if self.daily is None:
            return []
        return self.daily.flush((self.progress.offset, NO_TIMER, "") if whole else self._reached)

    def _apply_event(
        self, offset: int, customer_id: str, event: CustomerEvent, rule: EventRule[Any], outputs: list[Output]
    ) -> None:
        """Apply an event by its row of `EVENT_RULES`, unless it was applied before or cannot count."""
        rules, daily = self._rules(), self.daily
        profile = self.customers.get(customer_id)
        moment = evaluation_time(profile if rule.evaluates else None, event.occurred_at, self.progress.watermark)
        if profile is None:
            profile = self._create_profile(offset, customer_id, event, rule, moment)
            if profile is None:
                return
            due_before, segment_before = NEVER, ""
            if daily is not None:
                daily.count_new_customer(event, moment)
        else:
            if offset <= profile.offset:
                self.counters.fenced[Fence.CUSTOMER] += 1
                return
            if rule.is_duplicate(profile, event, moment, rules.window_ms):
                self.counters.duplicates[event.kind] += 1
                return
            if rule.exceeds_totals is not None and rule.exceeds_totals(profile):
                self.counters.dropped[DropReason.BEYOND_SUMS] += 1
                return
            due_before, segment_before = profile.due, profile.segment
        output_count = len(outputs)
        if rule.evaluates:
            apply_event(customer_id, profile, event, moment, rules, outputs, self.counters)
        else:
            rule.apply(customer_id, profile, event, moment, rules.policy, self.counters.dropped)
        if daily is not None and len(outputs) > output_count:
            daily.count_messages(outputs, output_count)
        self._store(offset, customer_id, profile, due_before, segment_before)

    def _create_profile(
        self, offset: int, customer_id: str, event: CustomerEvent, rule: EventRule[Any], moment: int
    ) -> Profile | None:
        """Return a profile for an unknown customer, None if the event does not make them known."""
        seq = 0
        if self.erasures:
            erasure = self.erasures.get(erasure_key(customer_id))
            if erasure is not None:
                if offset <= erasure.offset:
                    return None
                if not (rule.ends_erasure and event.occurred_at > erasure.occurred_at):
                    self.counters.dropped[DropReason.AFTER_ERASURE] += 1
                    return None
                seq = erasure.seq
        if rule.of_unknown is not None:
            self.counters.dropped[rule.of_unknown] += 1
            return None
        return new_profile(offset, seq, moment)

    def _store(self, offset: int, customer_id: str, profile: Profile, due_before: int, segment_before: str) -> None:
        """Put a changed profile back, and update what is derived from all profiles."""
        profile.offset = offset
        self.customers.put(customer_id, profile)
        if profile.due < due_before:
            self.timers.reschedule(customer_id, due_before, profile.due)
        if profile.segment != segment_before:
            self.segment_counts[profile.segment] += 1
            if segment_before:
                self.segment_counts[segment_before] -= 1

    def _erase(self, offset: int, customer_id: str, event: CustomerErased, outputs: list[Output]) -> None:
        """Remove the customer; the ledger keeps what a recovery, and the customer's return, need."""
        key = erasure_key(customer_id)
        profile = self.customers.get(customer_id)
        earlier = self.erasures.get(key)
        if earlier is not None and offset <= earlier.offset:
            return
        moment = evaluation_time(profile, event.occurred_at, self.progress.watermark)
        seq = earlier.seq if earlier is not None else 0
        if profile is not None:
            if offset <= profile.offset:
                return
            self.segment_counts[profile.segment] -= 1
            output_count, daily = len(outputs), self.daily
            advance_time(customer_id, profile, moment, self._rules(), outputs, self.counters)
            if daily is not None:
                daily.count_messages(outputs, output_count)
                daily.count_erasure(profile, moment)
            seq = profile.seq
            self.customers.remove(customer_id)
        occurred_at = event.occurred_at if earlier is None else max(event.occurred_at, earlier.occurred_at)
        erasure = Erasure(seq, occurred_at, offset)
        self.erasures[key] = self.new_erasures[key] = erasure
        outputs.append(ErasureTombstone(customer_id, seq, format_ms(moment)))

    def _apply_tick(self, offset: int, tick: Tick, outputs: list[Output]) -> bool:
        """Advance all customers, and then the watermark, to the tick; one not above the watermark changes nothing."""
        if tick.at > self.progress.watermark and self.rules is not None:
            last: tuple[int, str] = (NO_TIMER, "")
            for _ in range(self.slice_size):
                timer = self.timers.pop(tick.at)
                if timer is None:
                    break
                if self._advance_customer(offset, timer, tick.at, outputs):
                    last = timer
            else:
                self._note_reached(offset, last)
                return False
        self.progress.watermark = max(self.progress.watermark, tick.at)
        if tick.advance is not None:
            self.progress.advance_offset = max(self.progress.advance_offset, tick.advance)
        return True

    def _advance_customer(self, offset: int, timer: tuple[int, str], until: int, outputs: list[Output]) -> bool:
        """Advance the customer of a timer; return False if the timer was stale.

        A tick reaches customers in the order of their due moments and ids, whatever its slices and wherever a recovery
        resumes it.
        """
        customer_id = timer[1]
        due = self.customers.due(customer_id)
        profile = self.customers.get(customer_id) if due == timer[0] else None
        if profile is None:
            self.timers.schedule(customer_id, due)
            return False
        segment_before, output_count, daily = profile.segment, len(outputs), self.daily
        if daily is not None and daily.is_refolding:
            daily.set_position(offset, due, customer_id)
        advance_time(customer_id, profile, until, self._rules(), outputs, self.counters)
        if daily is not None and len(outputs) > output_count:
            daily.count_messages(outputs, output_count)
        self._store(offset, customer_id, profile, due, segment_before)
        self.timers.schedule(customer_id, profile.due)
        return True

    def _note_reached(self, offset: int, last: tuple[int, str]) -> None:
        """Note the last customer whom a record has reached."""
        if self._reached[0] != offset or last[0] != NO_TIMER:
            self._reached = (offset, *last)

    def _apply_rules(self, offset: int, record: PolicyApplied | CampaignsApplied, outputs: list[Output]) -> bool:
        """Activate a policy or campaigns and apply them to all customers; a repeat has no effect."""
        if self._remaining is None:
            if not self._activate(record):
                return True
            self._remaining = iter(sorted(self.customers.ids()))  # an order that a recovery repeats
        daily, customer_id = self.daily, ""
        for _, customer_id in zip(range(self.slice_size), self._remaining, strict=False):
            profile = self.customers.get(customer_id)
            if profile is None or profile.offset >= offset:
                continue
            due_before, segment_before, output_count = profile.due, profile.segment, len(outputs)
            rules = self._rules()
            moment = max(self.progress.watermark, profile.evaluated_at)
            if daily is not None and daily.is_refolding:
                daily.set_position(offset, 0, customer_id)
            if isinstance(record, PolicyApplied):
                apply_policy(customer_id, profile, moment, rules, outputs, daily)
            elif not apply_campaigns(customer_id, profile, moment, rules, self._outdated, outputs):
                continue
            if daily is not None and len(outputs) > output_count:
                daily.count_messages(outputs, output_count)
            self._store(offset, customer_id, profile, due_before, segment_before)
        if self._remaining.__length_hint__():  # type: ignore[attr-defined]  # of a list's iterator: how many are left
            self._note_reached(offset, (0, customer_id))
            return False
        self._remaining = None
        return True

    def _activate(self, record: PolicyApplied | CampaignsApplied) -> bool:
        """Activate a policy or campaigns if they are accepted, and return whether customers have to be evaluated."""
        active, progress = self._active, self.progress
        if isinstance(record, PolicyApplied):
            decision = active.apply_policy(record.text)
            if decision.activates:
                progress.policy_offset = record.offset
        else:
            before = None if active.policy is None else active.campaigns
            decision = active.apply_campaigns(record.text, record.begins_at)
            if decision.activates:
                progress.campaigns_offset, progress.begins_at = record.offset, record.begins_at
                assert active.campaigns is not None
                self._outdated = outdated_campaigns(before, active.campaigns)
        if decision.outcome is Outcome.INVALID:  # `admit` journals no invalid file, so something else wrote it
            self.counters.dropped[DropReason.FAULTY_RULES] += 1
        if not decision.activates:
            return False
        self.texts[record.offset] = self.new_texts[record.offset] = record.text
        return self._set_rules()

    def _set_rules(self) -> bool:
        """Derive the ruleset from the active policy and campaigns, and return whether there is a policy."""
        policy = self._active.policy
        if policy is None:
            return False
        self.rules = Ruleset(policy, self._active.campaigns, self._active.begins_at)
        if self.daily is not None:
            self.daily.set_policy(policy)
        return True

    def _rules(self) -> Ruleset:
        if self.rules is None:
            raise NoPolicy
        return self.rules


class NoPolicy(Exception):
    """A customer's event is in the journal before any policy, where `admit` never writes one."""

    def __init__(self) -> None:
        super().__init__("the journal has an event before any policy: was it written by something else?")
