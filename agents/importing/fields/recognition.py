"""Recognize the columns of a file that is from no known platform: by their names, and by what is in them."""

from collections.abc import Iterable
from typing import Final

from agents.importing.columns.zones import read_zone
from agents.importing.fields.cancellations import cancellation_rules
from agents.importing.fields.field_search import FieldSearch
from agents.importing.fields.likely_columns import (
    HUNDREDTHS,
    is_somebody,
    is_what_was_paid,
    names_no_other,
    scale_of,
)
from agents.importing.fields.order_numbers import can_number_orders, cells_are_titles
from agents.importing.fields.return_recognition import ReturnRecognition
from agents.importing.findings import Findings, Question
from agents.importing.mapping.event_fields import CONSENT_FIELDS, FieldType, type_of
from agents.importing.mapping.expression import Arithmetic, Column, Expression, FirstFilled, Joined
from agents.importing.mapping.known_names import normalize_name, words_of
from agents.importing.mapping.mapping import Mapping, RowRule
from agents.importing.mapping.name_recognition import is_paid_amount, kind_of_word, status_of_word, unit_of
from agents.importing.rows.row_source import RowSource

_MAX_WORDS: Final = 200
_MAX_STATES: Final = 60
_OTHER_STATES: Final = frozenset(
    {"subscription", "customer", "client", "member", "membership", "user", "account", "email", "newsletter", "consent"}
    | {"подписка", "подписки", "клиент", "клиента", "покупатель", "покупателя", "карта", "карты", "рассылка", "почта"}
    | {"test", "comment", "note", "notes", "reason", normalize_name("комментарий"), "причина", "тест", "abo", "kunde"}
)
"""Words of columns whose states are not those of orders."""
_FEES: Final = frozenset({"fee", "fees", "commission", "комиссия", "gebuhr", "frais"})
_PLAIN_FIELDS: Final = ("coupon", "channel", "store_id", "status", "test")


class Recognition:
    """Finds the columns of the fields that a mapping does not name.

    Args:
        source: the rows.
        mapping: what the user has named.
        findings: receives what is assumed and what must be asked.

    Attributes:
        fields: those found, and those of the mapping.
        returns: finds the columns about returns.
    """

    def __init__(self, source: RowSource, mapping: Mapping, findings: Findings) -> None:
        self._search = FieldSearch(source, mapping, findings)
        self._cells = self._search.cells
        self.fields = self._search.fields
        self.returns = ReturnRecognition(self._search)

    def recognize_sales(self) -> dict[str, Expression]:
        """Return the columns of orders and refunds; customers and moments are asked for if they are not found."""
        search, cells = self._search, self._cells
        self._recognize_amount()
        self._prefer_gross()
        self._recognize_moment()
        self._recognize_number()
        self.returns.recognize()
        self._recognize_customer()
        for field in ("currency", *_PLAIN_FIELDS, *CONSENT_FIELDS):
            search.take_first(field)
        self._recognize_status()
        search.take_first("paid", cells.says_whether_paid)
        search.take_first("discount", cells.is_number)
        search.take_first("refunded_at", cells.is_date)
        search.take_first("zone", cells.is_zone)
        if "currency" in self.fields:
            search.take_first("rate", cells.is_number)
        return self.fields

    def recognize(self, fields: Iterable[str]) -> dict[str, Expression]:
        """Return the columns of events of another kind."""
        for field in fields:
            if field == "occurred_at":
                self._recognize_moment()
            elif field == "customer_id":
                self._recognize_customer()
            else:
                self._search.take_first(field)
        return self.fields

    def recognize_missing(self, fields: Iterable[str]) -> dict[str, Expression]:
        """Return the columns of the fields of a platform, with those that its names did not find."""
        for field in fields:
            fits = {FieldType.MONEY: self._cells.is_number, FieldType.MOMENT: self._cells.is_date}.get(type_of(field))
            self._search.take_first(field, fits)
        return self.fields

    def cancellation_rules(self) -> tuple[RowRule, ...]:
        """Return the rules by which columns such as `Cancelled` or `cancelled_at` leave rows out."""
        return cancellation_rules(self._search)

    def kind_column(self) -> Expression | None:
        """Return the column that says what kind of event a row is: one with at least one known word."""
        for name in self._search.names.candidates("type"):
            known = [word for word in self._search.examples(name, _MAX_WORDS) if kind_of_word(word)]
            if known:
                shown = ", ".join(f"{word} = {kind_of_word(word)}" for word in known[:4])
                evidence = f"its words say what a row is: {shown}"
                self._search.findings.assume("type", name, evidence, "--field type=")
                self._search.taken.add(name)
                return Column(name)
        return None

    def has_amount(self) -> bool:
        """Whether a column, or two of them, can be the amount of orders."""
        if {"amount", "unit_price"} & self.fields.keys():
            return True
        return any(self._search.first_number(field) for field in ("amount", "unit_price"))

    def order_count(self) -> str:
        """Return the column that says how many orders a row sums up; empty: there is none."""
        column = self._search.first_number("order_count")
        return column.name if column else ""

    def _recognize_amount(self) -> None:
        search = self._search
        if "amount" in self.fields or "amount" in search.mapping.constants:
            return
        names = [name for name in search.filled("amount") if self._cells.is_number(name)]
        name = names[0] if names else None
        quantity, price = self.fields.pop("quantity", None), self.fields.pop("unit_price", None)
        if name is not None and price is None:
            search.set("amount", Column(name))
            if is_paid_amount(name) and len(names) > 1 and not is_paid_amount(names[1]):
                search.set("ordered_amount", Column(names[1]))
            return
        quantity = quantity or search.first_number("quantity")
        price = price or search.first_number("unit_price")
        if price is not None and quantity is not None:
            search.set("amount", Arithmetic("multiply", (quantity, price)))
        elif price is not None:
            search.set("amount", price)
        else:
            text = "Which column has the amount paid for an order?"
            names = search.plausible(self._cells.is_number, is_what_was_paid)
            unread = search.unread("amount", self._cells.numbers, "numbers") + _scales(names)
            search.ask_for_column("amount", unread + text, names)

    def _prefer_gross(self) -> None:
        """Take what was paid, where the amount is what is left of it after a fee."""
        search, amount = self._search, self.fields.get("amount")
        if "amount" in search.mapping.fields or not isinstance(amount, Column) or "net" not in words_of(amount.name):
            return
        names = [name for name in search.source.names if search.source.filled(name) and self._cells.is_number(name)]
        gross = next((name for name in names if "gross" in words_of(name)), None)
        fee = next((name for name in names if words_of(name) & _FEES), None)
        if gross is not None and fee is not None:
            evidence = f"{amount.name} is what is left of it after {fee}"
            search.findings.assume("amount.gross", gross, evidence, "--field amount=")
            search.taken.discard(amount.name)
            search.set("amount", Column(gross))

    def _recognize_number(self) -> None:
        """Find the order number; a column called `ID` or `№` is one if its cells can be numbers of orders."""
        search = self._search
        search.take_first("order_id")
        number = self.fields.get("order_id")
        if "order_id" in search.mapping.fields or (isinstance(number, Column) and not cells_are_titles(search, number)):
            return
        moment = self.fields.get("occurred_at")
        for name in search.names.weak_candidates("order_id"):
            if name not in search.taken and can_number_orders(search, name, moment):
                self.fields.pop("order_id", None)
                search.set("order_id", Column(name))
                return

    def _recognize_moment(self) -> None:
        search = self._search
        given = self.fields.get("occurred_at")
        if given is not None:
            self.fields["occurred_at"] = self._with_times(given)
            return
        if "occurred_at" in search.mapping.constants:
            return
        name = next((name for name in search.filled("occurred_at") if self._cells.is_date(name)), None)
        if name is None:
            self.ask_for_moment()
            return
        zone = read_zone(unit_of(name)) or ""
        time = None if self._cells.has_time(name) else self._time_column(name)
        if time is not None:
            search.findings.assume("occurred_at", f"{name} and {time}", f"{time} has times of day only", "--field")
        search.set("occurred_at", Joined((name, time)) if time else Column(name, zone=zone))

    def _with_times(self, given: Expression) -> Expression:
        """Return a list of columns of which the second has times of day as these two joined."""
        match given:
            case FirstFilled((Column(day, "", "", ""), Column(time, "", "", ""))) if self._cells.is_times(time):
                evidence = f"{time} has times of day only, so it belongs to {day}"
                self._search.findings.assume("occurred_at", f"{day} and {time}", evidence, '{ join = ["…", "…"] }')
                return Joined((day, time))
            case _:
                return given

    def _time_column(self, day: str) -> str | None:
        taken = (day, *self._search.taken)
        others = [*self._search.names.candidates("occurred_at"), *self._search.source.names]
        return next((name for name in others if name not in taken and self._cells.is_times(name)), None)

    def _recognize_status(self) -> None:
        """Find a column of states of orders by its words, if no name tells: some must keep an order from counting."""
        search = self._search
        if {"status", "type"} & self.fields.keys() or "status" in search.mapping.constants:
            return
        for name in search.source.names:
            if name in search.taken or words_of(name) & _OTHER_STATES or not search.source.filled(name):
                continue
            meanings = {word: status_of_word(word) for word in search.words(name, _MAX_STATES)}
            known = [word for word, meaning in meanings.items() if meaning]
            excluding = [word for word in known if meanings[word] != "counts"]
            if excluding and len(known) > 1 and 2 * len(known) > len(meanings) and not self._is_about_returns(name):
                evidence = f"its words are states of orders, such as {excluding[0]}"
                search.findings.assume("status.column", name, evidence, "--field status=")
                search.set("status", Column(name))
                return

    def _is_about_returns(self, name: str) -> bool:
        fields = ("returned", "refunded", "refund_id", "returned_quantity", "paid", "type")
        return any(name in self._search.names.candidates(field) for field in fields)

    def _recognize_customer(self) -> None:
        search = self._search
        if {"customer_id", "email"} & self.fields.keys() or "customer_id" in search.mapping.constants:
            return
        emails, ids = search.filled("email"), search.filled("customer_id")
        if emails:
            search.set("email", Column(emails[0]))
        if ids:
            search.set("customer_id", Column(ids[0]))
        if emails or ids:
            return
        addresses = [name for name in search.source.names if self._is_address_of_customer(name)]
        if len(addresses) == 1:
            search.findings.assume("email", addresses[0], "its cells are e-mail addresses", "--field email=")
            search.set("email", Column(addresses[0]))
            return
        for field in ("phone", "customer_name"):
            names = [name for name in search.filled(field) if name not in search.taken]
            if names:
                search.set("customer_id", Column(names[0]))
                return

    def _is_address_of_customer(self, name: str) -> bool:
        search = self._search
        is_free = name not in search.taken and search.source.filled(name) and names_no_other(name)
        return bool(is_free) and self._cells.is_emails(name)

    def ask_for_customer(self, reason: str = "None is named so that it is certain.") -> None:
        """Ask which column says who the customer is."""
        self._search.ask_for_column(
            "customer_id",
            f"Which column says who the customer is? {reason}",
            self._search.plausible(self._cells.is_identity, is_somebody),
            ("--allow-anonymous imports all sales without customers",),
        )

    def ask_for_moment(self) -> None:
        """Ask which column has the moment, or for one moment of all rows if no column has dates."""
        choices = self._search.plausible(self._cells.is_date)
        if choices:
            self._search.ask_for_column("occurred_at", "Which column has the date of the order?", choices)
            return
        unread = self._search.unread("occurred_at", self._cells.dates, "dates of the years 1970 to 2199").strip()
        self._search.findings.ask(
            Question(
                "occurred_at",
                f"{unread or 'No column has a date.'} When was all this?",
                "set.occurred_at",
                (),
                'a column: --field occurred_at="…", or one moment for all rows in a mapping file (--map): '
                '[set] occurred_at = "2025-05-12"',
            )
        )


def _scales(names: Iterable[str]) -> str:
    """Return which columns have amounts that are not in whole units of the currency, and how to read cents."""
    scaled = {name: unit for name in names if (unit := scale_of(name))}
    if not scaled:
        return ""
    listed = ", ".join(f"{name} is in {unit}" for name, unit in scaled.items())
    cents = next((name for name, unit in scaled.items() if unit == HUNDREDTHS), None)
    remedy = "" if cents is None else f'; in a mapping file (--map): amount = {{ column = "{cents}", divide = 100 }}'
    return f"Amounts must be in whole units of the currency, and {listed}{remedy}. "
