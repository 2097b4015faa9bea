"""Numbers, money, days and moments as readers of a language write them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Final, Protocol

from agents.languages.translations import ENGLISH, Language, Texts, texts_in

NO_BREAK: Final = "\u00a0"
"""A space at which a line does not break."""
_MINUS: Final = "\u2212"
_SIGNS: Final = {
    "RUB": "₽",
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "KZT": "₸",
    "UAH": "₴",
    "JPY": "¥",
    "CNY": "CN¥",
    "TRY": "₺",
    "INR": "₹",
    "ILS": "₪",
    "KRW": "₩",
}
_MONTHS: Final[dict[Language, Sequence[str]]] = {
    Language.EN: (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    Language.RU: (
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ),
}
LEAST_PERCENT: Final = 0.1
"""What one decimal can show."""
_SHORT_MONTH: Final = 3
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


class Wording(Protocol):
    """What a sentence with figures is made of."""

    @property
    def texts(self) -> Texts:
        """The translations."""

    def number(self, value: float | str) -> str:
        """Write a number."""

    def money(self, amount: str | None, currency: str) -> str:
        """Write an amount in major units."""


class PlainWording:
    """English, with numbers and money as in the published records: `12400.00 RUB`."""

    texts: Texts = ENGLISH

    def number(self, value: float | str) -> str:
        """Write a number as JSON does."""
        return str(value)

    def money(self, amount: str | None, currency: str) -> str:
        """Write an amount in major units and its currency."""
        return f"{amount} {currency}"


PLAIN: Final[Wording] = PlainWording()


class Formats:
    """Writes values in a language; days and moments in a time zone."""

    def __init__(self, language: Language, time_zone: tzinfo = UTC) -> None:
        self.texts: Texts = texts_in(language)
        self._months = _MONTHS[language]
        self._is_sign_first = language is Language.EN
        self._group = "," if language is Language.EN else NO_BREAK
        self._point = "." if language is Language.EN else ","
        self._percent = "%" if language is Language.EN else NO_BREAK + "%"
        self.time_zone = time_zone

    def number(self, value: float | str) -> str:
        """Write a number with its digits grouped: `12,345.5`; text is a number in plain digits, as in JSON."""
        text = format(value, "f").rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        sign, digits = (_MINUS, text[1:]) if text.startswith("-") else ("", text)
        whole, point, fraction = digits.partition(".")
        grouped = f"{int(whole or '0'):,}".replace(",", self._group)
        return f"{sign}{grouped}{self._point if point else ''}{fraction}"

    def change(self, count: int) -> str:
        """Write a number with its sign: `+12`, `−4`, `0`."""
        return f"+{self.number(count)}" if count > 0 else self.number(count)

    def share(self, share: float | str | None) -> str:
        """Write a share from 0 to 1 as a percentage: one decimal below 10 %, a dash if it is unknown."""
        if share is None:
            return "–"
        percent = float(share) * 100
        if 0 < percent < LEAST_PERCENT:
            return f"<{NO_BREAK}{self.number(str(LEAST_PERCENT))}{self._percent}"
        is_exact = percent == 0 or abs(percent) >= 9.95
        return f"{self.number(f'{percent:.0f}' if is_exact else f'{percent:.1f}')}{self._percent}"

    def money(self, amount: str | None, currency: str) -> str:
        """Write an amount in major units with its currency: `$12,400.50`, `12 400,50 ₽`; without cents of zero."""
        return "–" if amount is None else self._in_currency(self._amount(amount), currency)

    def money_range(self, low: str, high: str, currency: str) -> str:
        """Write a range of amounts in major units, none below zero: `$50–200`, `5 000–20 000 ₽`."""
        return self._in_currency(f"{self._amount(low)}–{self._amount(high)}", currency)

    def _amount(self, amount: str) -> str:
        whole, _, cents = amount.partition(".")
        return self.number(amount if cents.strip("0") else whole)

    def _in_currency(self, text: str, currency: str) -> str:
        sign = _SIGNS.get(currency, currency)
        if self._is_sign_first and sign in {"$", "€", "£", "¥", "CN¥", "₹"}:
            return f"{_MINUS}{sign}{text[1:]}" if text.startswith(_MINUS) else f"{sign}{text}"
        return f"{text}{NO_BREAK}{sign}"

    def day(self, moment: str | date | None) -> str:
        """Write the day of a moment in RFC 3339, or a day: `12 May 2026`."""
        if moment is None:
            return "–"
        day = moment if isinstance(moment, date) else self.local(moment).date()
        return NO_BREAK.join((str(day.day), self._months[day.month - 1], str(day.year)))

    def short_day(self, day: str) -> str:
        """Write a day without its year: `12 May`, `12 мая`, `3 сен`."""
        local = self.local(day)
        return f"{local.day}{NO_BREAK}{self._months[local.month - 1][:_SHORT_MONTH]}"

    def day_of_ms(self, moment_ms: int) -> str:
        """Write the day of a moment in milliseconds, short: `12 May 2026`, `3 сен 2026`."""
        return self._compact(datetime.fromtimestamp(moment_ms / 1000, self.time_zone))

    def compact_day(self, moment: str) -> str:
        """Write the day of a moment in RFC 3339, short: `12 May 2026`, `3 сен 2026`."""
        return self._compact(self.local(moment))

    def moment(self, moment: str | None) -> str:
        """Write a moment in RFC 3339 to the minute: `12 May 2026, 09:30`."""
        return "–" if moment is None else f"{self.day(moment)}, {self.local(moment):%H:%M}"

    def short_moment(self, moment: str, today: str | None) -> str:
        """Write a moment in RFC 3339 short: the time if it is of `today` (such as `2026-05-12`), else the day."""
        local = self.local(moment)
        return f"{local:%H:%M}" if local.date().isoformat() == today else self.day(local.date())

    def _compact(self, local: datetime) -> str:
        return NO_BREAK.join((str(local.day), self._months[local.month - 1][:_SHORT_MONTH], str(local.year)))

    def local(self, moment: str) -> datetime:
        """Return a moment in RFC 3339, or a day, in the time zone."""
        parsed = datetime.fromisoformat(moment)
        return parsed.replace(tzinfo=self.time_zone) if parsed.tzinfo is None else parsed.astimezone(self.time_zone)

    def duration(self, seconds: float) -> str:
        """Write a duration in its largest unit, rounded down: `3 minutes`, `47 hours`, `1 day`."""
        many = self.texts.ngettext
        whole = int(seconds)
        if whole >= 2 * _DAY or whole == _DAY:
            count, form = whole // _DAY, many("%(count)s day", "%(count)s days", whole // _DAY)
        elif whole >= _HOUR:
            count, form = whole // _HOUR, many("%(count)s hour", "%(count)s hours", whole // _HOUR)
        elif whole >= _MINUTE:
            count, form = whole // _MINUTE, many("%(count)s minute", "%(count)s minutes", whole // _MINUTE)
        else:
            count, form = whole, many("%(count)s second", "%(count)s seconds", whole)
        return form % {"count": self.number(count)}
