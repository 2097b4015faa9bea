"""One journal partition, folded: records go in, changes and messages come out, customers are kept in between.

The fold is a function of the journal alone. It may be cut anywhere and begun again from what was written down: the
fences below make a record that was applied before change nothing the second time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

from state.config.active_rules import ActiveRules, Outcome
from state.config.campaigns import outdated_campaigns, parse_campaigns
from state.config.policy import parse_policy
from state.config.ruleset import Ruleset
from state.customer.profile import Profile, new_profile
from state.customer.profile_schema import FoldPosition, ProfileHead
from state.customer.referrals import count_referral, remembers_referral
from state.daily.day_counter import BEFORE_DAYS, DayCounter
from state.fold.timers import TimerQueue
from state.fold.transitions import (
    FoldCounters,
    advance_time,
    apply_campaigns,
    apply_event,
    apply_policy,
    evaluation_time,
    exceeds_totals,
    is_duplicate,
)
from state.records.erasure import Erasure, erasure_key
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    ConsentChanged,
    CustomerErased,
    CustomerEvent,
    CustomerReferred,
    CustomerSignedUp,
    JournalRecord,
    MessageContacted,
    OrderPlaced,
    OrderRefunded,
    PolicyApplied,
    Tick,
)
from state.records.outputs import ErasureTombstone, Output
from state.records.progress import BEFORE_TIME, Progress
from state.records.reasons import DropReason, Fence
from state.units.timestamps import NEVER, format_ms

NO_TIMER = -1
"""In place of a due moment: of a record that touches many customers none is done with."""
_ORDINARY = (OrderPlaced, OrderRefunded, CustomerSignedUp, ConsentChanged, MessageContacted)


class Customers(Protocol):
    """The profiles of a partition's customers; what `get` gives is changed in place and handed back by `put`."""

    def get(self, customer_id: str) -> Profile | None:
        """The customer's profile, None if they are not known."""

    def put(self, customer_id: str, profile: Profile) -> None:
        """Keeps the profile, to be written down with the next flush."""

    def remove(self, customer_id: str) -> None:
        """Lets the customer go."""

    def ids(self) -> Iterable[str]:
        """Everyone who is known."""

    def heads(self) -> Iterable[tuple[str, ProfileHead]]:
        """Everyone with the head of their profile."""

    def due(self, customer_id: str) -> int:
        """When the customer next needs judging; `NEVER` for one who is not known."""


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
        slice_size: int = 10_000,
    ) -> None:
        """Takes what was recovered.

        Args:
            customers: the table.
            progress: how far the partition is; None for a new one.
            erasures: the ledger, by the hash of the customer's id.
            texts: the TOML of policies and campaigns, by their place in `control`.
            daily: the totals of the days, which are counted into; None for none.
            slice_size: how many customers one step of a tick or a policy may touch.
        """
        self.customers = customers
        self.progress = Progress(0, BEFORE_TIME, -1, {}) if progress is None else progress
        self.erasures = {} if erasures is None else erasures
        self.new_erasures: dict[bytes, Erasure] = {}
        self.texts = {} if texts is None else texts
        self.new_texts: dict[int, str] = {}
        self.counters = FoldCounters(daily)
        self.segment_counts: Counter[str] = Counter()
        self.slice_size = slice_size
        self.daily = daily
        self._halfway: FoldPosition = (0, NO_TIMER, "")
        self.rules: Ruleset | None = None
        if daily is not None:
            daily.begin()
        at = self.progress
        self._active = ActiveRules(
            parse_policy(self.texts[at.policy]) if at.policy >= 0 else None,
            parse_campaigns(self.texts[at.campaigns]) if at.campaigns >= 0 else None,
        )
        self._set_rules()
        dues = []
        for customer_id, head in customers.heads():
            dues.append((head.due, customer_id))
            self.segment_counts[head.segment] += 1
        self.timers = TimerQueue(dues)
        self._remaining: Iterator[str] | None = None
        self._outdated: frozenset[str] = frozenset()

    def apply(self, offset: int, customer_id: str, record: JournalRecord, out: list[Output]) -> bool:
        """Folds one record into the partition and appends what comes of it to `out`.

        Returns:
            True once the record is done with; False if a slice of it is done and it is to be applied again, after a
            flush if the caller likes: a tick or a policy may touch everybody.
        """
        daily = self.daily
        if daily is not None and daily.is_refolding:
            daily.set_position(offset)
        if isinstance(record, Tick):
            return self._come_to(offset, record, out)
        sources, source = self.progress.sources, (record.topic, record.partition)
        if record.offset <= sources.get(source, -1):
            self.counters.fenced[Fence.SOURCE] += 1
            return True
        if isinstance(record, _ORDINARY):
            self._take_event(offset, customer_id, record, out)
        elif isinstance(record, CustomerReferred):
            self._refer(offset, customer_id, record)
        elif isinstance(record, CustomerErased):
            self._erase(offset, customer_id, record, out)
        elif isinstance(record, AnonymousSale):
            if daily is not None:
                daily.count_anonymous_sale(record)
        elif not self._take_rules(offset, record, out):
            return False
        sources[source] = record.offset
        return True

    @property
    def today(self) -> int:
        """The local day to which time has come here; long ago where it has not begun, or nobody wants to know."""
        return BEFORE_DAYS if self.daily is None else self.daily.day_of(self.progress.watermark)

    def day_records(self, *, whole: bool) -> list[tuple[bytes, bytes | None]]:
        """What the table is to be told of the days before it is told, or the ledger, of anything else.

        Args:
            whole: nothing is half done; else the record of which a slice is done is to be applied again.
        """
        if self.daily is None:
            return []
        return self.daily.flush((self.progress.offset, NO_TIMER, "") if whole else self._halfway)

    def _take_event(self, offset: int, customer_id: str, event: CustomerEvent, out: list[Output]) -> None:
        rules = self._rules()
        customers, daily = self.customers, self.daily
        profile = customers.get(customer_id)
        moment = evaluation_time(profile, event.occurred_at, self.progress.watermark)
        if profile is None:
            profile = self._newcomer(offset, customer_id, event, moment)
            if profile is None:
                return
            before, was = NEVER, ""
            if daily is not None:
                daily.count_new_customer(event, moment)
        else:
            if offset <= profile.offset:
                self.counters.fenced[Fence.CUSTOMER] += 1
                return
            if is_duplicate(profile, event, moment, rules.window_ms):
                self.counters.duplicates[event.kind] += 1
                return
            if exceeds_totals(profile, event):
                self.counters.dropped[DropReason.BEYOND_SUMS] += 1
                return
            before, was = profile.due, profile.segment
        told = len(out)
        apply_event(customer_id, profile, event, moment, rules, out, self.counters)
        if daily is not None and len(out) > told:
            daily.count_messages(out, told)
        self._keep(offset, customer_id, profile, before, was)

    def _refer(self, offset: int, customer_id: str, event: CustomerReferred) -> None:
        """Counts a referral for a customer who is known.

        It is no event of theirs and judges nobody: it may come from a source partition that is ahead of their own, and
        what they did before its moment may not have been read.
        """
        profile = self.customers.get(customer_id)
        if profile is None:
            erased = bool(self.erasures) and erasure_key(customer_id) in self.erasures
            self.counters.dropped[DropReason.AFTER_ERASURE if erased else DropReason.REFERRAL_OF_UNKNOWN] += 1
        elif offset <= profile.offset:
            self.counters.fenced[Fence.CUSTOMER] += 1
        elif remembers_referral(profile, event):
            self.counters.duplicates[event.kind] += 1
        else:
            count_referral(profile, event, self.progress.watermark)
            profile.offset = offset
            self.customers.put(customer_id, profile)

    def _newcomer(self, offset: int, customer_id: str, event: CustomerEvent, moment: int) -> Profile | None:
        """A profile for someone who is not known, None if the event does not make them so."""
        seq = 0
        if self.erasures:
            erasure = self.erasures.get(erasure_key(customer_id))
            if erasure is not None:
                if offset <= erasure.offset:
                    return None
                if not (isinstance(event, OrderPlaced | CustomerSignedUp) and event.occurred_at > erasure.occurred_at):
                    self.counters.dropped[DropReason.AFTER_ERASURE] += 1
                    return None
                seq = erasure.seq
        if isinstance(event, MessageContacted):
            self.counters.dropped[DropReason.CONTACT_OF_UNKNOWN] += 1
            return None
        return new_profile(offset, seq, moment)

    def _keep(self, offset: int, customer_id: str, profile: Profile, before: int, was: str) -> None:
        profile.offset = offset
        self.customers.put(customer_id, profile)
        if profile.due < before:
            self.timers.reschedule(customer_id, before, profile.due)
        if profile.segment != was:
            self.segment_counts[profile.segment] += 1
            if was:
                self.segment_counts[was] -= 1

    def _erase(self, offset: int, customer_id: str, event: CustomerErased, out: list[Output]) -> None:
        """Forgets the customer; the ledger keeps what a recovery and a return need."""
        key = erasure_key(customer_id)
        profile = self.customers.get(customer_id)
        known = self.erasures.get(key)
        if known is not None and offset <= known.offset:
            return
        moment = evaluation_time(profile, event.occurred_at, self.progress.watermark)
        seq = known.seq if known is not None else 0
        if profile is not None:
            if offset <= profile.offset:
                return
            self.segment_counts[profile.segment] -= 1
            told, daily = len(out), self.daily
            advance_time(customer_id, profile, moment, self._rules(), out, self.counters)
            if daily is not None:
                daily.count_messages(out, told)
                daily.count_erasure(profile, moment)
            seq = profile.seq
            self.customers.remove(customer_id)
        occurred_at = event.occurred_at if known is None else max(event.occurred_at, known.occurred_at)
        erasure = Erasure(seq, occurred_at, offset)
        self.erasures[key] = self.new_erasures[key] = erasure
        out.append(ErasureTombstone(customer_id, seq, format_ms(moment)))

    def _come_to(self, offset: int, tick: Tick, out: list[Output]) -> bool:
        """Emits what is due at or before the tick, for everyone; a smaller tick changes nothing."""
        if tick.at > self.progress.watermark and self.rules is not None:
            last: tuple[int, str] = (NO_TIMER, "")
            for _ in range(self.slice_size):
                entry = self.timers.pop(tick.at)
                if entry is None:
                    break
                if self._wake(offset, entry, tick.at, out):
                    last = entry
            else:
                self._stop_halfway(offset, last)
                return False
        self.progress.watermark = max(self.progress.watermark, tick.at)
        if tick.advance is not None:
            self.progress.advance_offset = max(self.progress.advance_offset, tick.advance)
        return True

    def _wake(self, offset: int, entry: tuple[int, str], at: int, out: list[Output]) -> bool:
        """Judges a customer at what falls due up to `at`, unless the entry is stale; whether it was not.

        So a tick comes to customers in the order of their due moments and ids, however it is cut, and wherever a
        recovery begins it anew.
        """
        customer_id = entry[1]
        due = self.customers.due(customer_id)
        profile = self.customers.get(customer_id) if due == entry[0] else None
        if profile is None:
            self.timers.schedule(customer_id, due)
            return False
        was, told, daily = profile.segment, len(out), self.daily
        if daily is not None and daily.is_refolding:
            daily.set_position(offset, due, customer_id)
        advance_time(customer_id, profile, at, self._rules(), out, self.counters)
        if daily is not None and len(out) > told:
            daily.count_messages(out, told)
        self._keep(offset, customer_id, profile, due, was)
        self.timers.schedule(customer_id, profile.due)
        return True

    def _stop_halfway(self, offset: int, last: tuple[int, str]) -> None:
        """Notes up to which customer a record is done with."""
        if self._halfway[0] != offset or last[0] != NO_TIMER:
            self._halfway = (offset, *last)

    def _take_rules(self, offset: int, record: PolicyApplied | CampaignsApplied, out: list[Output]) -> bool:
        """Puts a policy or campaigns into force and judges everyone by them; a repeat is without effect."""
        if self._remaining is None:
            if not self._put_into_force(record):
                return True
            self._remaining = iter(sorted(self.customers.ids()))  # an order that is the same after a recovery
        daily, customer_id = self.daily, ""
        for _, customer_id in zip(range(self.slice_size), self._remaining, strict=False):
            profile = self.customers.get(customer_id)
            if profile is None or profile.offset >= offset:
                continue
            before, was, told, rules = profile.due, profile.segment, len(out), self._rules()
            moment = max(self.progress.watermark, profile.evaluated_at)
            if daily is not None and daily.is_refolding:
                daily.set_position(offset, 0, customer_id)
            if isinstance(record, PolicyApplied):
                apply_policy(customer_id, profile, moment, rules, out, daily)
            elif not apply_campaigns(customer_id, profile, moment, rules, self._outdated, out):
                continue
            if daily is not None and len(out) > told:
                daily.count_messages(out, told)
            self._keep(offset, customer_id, profile, before, was)
        if self._remaining.__length_hint__():  # type: ignore[attr-defined]  # of a list's iterator: how many are left
            self._stop_halfway(offset, (0, customer_id))
            return False
        self._remaining = None
        return True

    def _put_into_force(self, record: PolicyApplied | CampaignsApplied) -> bool:
        """Activate a policy or campaigns; whether they are active now, were not before, and there is a policy."""
        active, progress = self._active, self.progress
        if isinstance(record, PolicyApplied):
            decision = active.apply_policy(record.text)
            if decision.activates:
                progress.policy = record.offset
        else:
            before = None if active.policy is None else active.campaigns
            decision = active.apply_campaigns(record.text)
            if decision.activates:
                progress.campaigns = record.offset
                assert active.campaigns is not None
                self._outdated = outdated_campaigns(before, active.campaigns)
        if decision.outcome is Outcome.INVALID:  # `admit` journals none: something else wrote it
            self.counters.dropped[DropReason.FAULTY_RULES] += 1
        if not decision.activates:
            return False
        self.texts[record.offset] = self.new_texts[record.offset] = record.text
        return self._set_rules()

    def _set_rules(self) -> bool:
        policy = self._active.policy
        if policy is None:
            return False
        self.rules = Ruleset(policy, self._active.campaigns)
        if self.daily is not None:
            self.daily.set_policy(policy)
        return True

    def _rules(self) -> Ruleset:
        if self.rules is None:
            raise NoPolicy
        return self.rules


class NoPolicy(Exception):
    """A customer's event stands in the journal before any policy: `admit` never writes it so."""

    def __init__(self) -> None:
        """Says what is wrong."""
        super().__init__("the journal has an event before any policy: was it written by something else?")
