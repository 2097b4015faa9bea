"""How a reader of a language sees the base: texts, numbers, segments, and as of when the figures are."""

from collections.abc import Iterable
from urllib.parse import quote

from agents.customer_view.story_text import next_up_text
from agents.languages.formats import Formats
from agents.languages.translations import Language, texts_in
from agents.serve.lookups.answers import Customer, Status
from agents.serve.pages.templating import render
from agents.serve.pages.words.contacts import channel_title
from agents.serve.pages.words.freshness import Freshness, freshness_of
from agents.serve.pages.words.segment_names import SegmentNames
from state.config.policy import Policy
from state.units.time_zones import load_zone


class ReaderView:
    """A view of the base in a language: `view` in templates.

    Attributes:
        language: of the texts.
        texts: the translations.
        formats: how numbers, money, days and moments are written: `f` in templates.
        policy: the active one; None before the first one.
        segments: their titles, shapes and colours.
        freshness: as of when the figures are; None on a page without figures.
        sees_people: whether the reader may see customers: without that no number leads to a list of them.
    """

    def __init__(
        self,
        language: Language,
        policy: Policy | None = None,
        status: Status | None = None,
        *,
        sees_people: bool = True,
    ) -> None:
        self.language = language
        self.sees_people = sees_people
        self.texts = texts_in(language)
        self.formats = Formats(language, load_zone(None if policy is None else policy.timezone))
        self.policy = policy
        self.segments = SegmentNames(policy, language)
        self.freshness: Freshness | None = None if status is None else freshness_of(status, self.texts, self.formats)

    @property
    def as_of(self) -> str | None:
        """The watermark; None before the first tick."""
        return None if self.freshness is None else self.freshness.as_of

    @property
    def today(self) -> str | None:
        """The day of the watermark in the policy's time zone, such as `2026-05-12`; None before the first tick."""
        return None if self.as_of is None else self.formats.local(self.as_of).date().isoformat()

    @property
    def window(self) -> str:
        """The policy's window in words: `365 days`; empty before the first policy."""
        if self.policy is None:
            return ""
        days = float(self.policy.window_days)
        form = self.texts.ngettext("%(count)s day", "%(count)s days", int(days) if days == int(days) else 2)
        return form % {"count": self.formats.number(self.policy.window_days)}

    def quote(self, customer_id: str) -> str:
        """Return an id as it stands in an address."""
        return quote(customer_id, safe="")

    def channel(self, channel: str) -> str:
        """Return a channel in words."""
        return channel_title(channel, self.texts)

    def channels(self, channels: Iterable[str]) -> str:
        """Return channels in words, with commas."""
        return ", ".join(self.channel(channel) for channel in channels)

    def next_up(self, customer: Customer) -> str:
        """Return in words what leads a customer to a better segment; empty if nothing does."""
        up = customer.next_up
        return "" if up is None else next_up_text(up.orders, up.spend, customer.currency, self.formats)

    def fragment(self, template: str, **values: object) -> str:
        """Return a template filled in, as text: a part of a page."""
        return render(self.language, template, view=self, f=self.formats, **values)
