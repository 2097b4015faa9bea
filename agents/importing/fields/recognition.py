# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Recognize the columns of a file that is from no known platform: by their names, and by what is in them."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from agents.importing.columns.zones import read_zone
from agents.importing.fields.column_contents import ColumnContents
from agents.importing.fields.return_columns import ReturnColumns
from agents.importing.findings import Choice, Question
from agents.importing.mapping.event_fields import CONSENT_FIELDS, FieldType, type_of
from agents.importing.mapping.expression import Arithmetic, Column, Expression, FirstFilled, Joined, columns_of
from agents.importing.mapping.known_names import words_in_order, words_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.name_recognition import ColumnNames, is_paid_amount, kind_of_word, unit_of
from agents.importing.rows.column_decisions import Findings
from agents.importing.rows.row_source import RowSource
from agents.importing.staging.stage import StagedTable

_MAX_WORDS: Final = 200
_MAX_CHOICES: Final = 8
_MAX_DOCUMENTS: Final = 100_000
_PEOPLE: Final = frozenset(
    {"customer", "client", "buyer", "user", "member", "person", "card", "email", "phone", "name", "contact", "account"}
    | {"клиент", "клиента", "покупатель", "покупателя", "заказчик", "карта", "карты", "телефон", "почта", "имя", "фио"}
    | {"kunde", "kunden", "client", "cliente", "klient", "zakaznik", "nom", "nombre", "nome"}
)
"""Words of columns that say who somebody is."""
_PLAIN_FIELDS: Final = ("coupon", "channel", "store_id", "status", "test")


class Recognition:
    """Finds the columns of the fields that a mapping does not name.

    Args:
        source: the rows.
        mapping: what the user has named.
        findings: receives what is assumed and what must be asked.
    """

    def __init__(self, source: RowSource, mapping: Mapping, findings: Findings) -> None:
        self._source = source
        self._mapping = mapping
        self._findings = findings
        self._names = ColumnNames(source.names)
        self._cells = ColumnContents(source, mapping)
        self.fields: dict[str, Expression] = dict(mapping.fields)
        self._taken = {name for expression in self.fields.values() for name in columns_of(expression)}

    def recognize_sales(self) -> dict[str, Expression]:
        """Return the columns of orders and refunds; customers and moments are asked for if they are not found."""
        self._recognize_amount()
        self._recognize_moment()
        self._recognize_ids()
        for field in ("currency", *_PLAIN_FIELDS, *CONSENT_FIELDS):
            self._take_first(field)
        self._take_first("paid", self._cells.says_whether_paid)
        self._take_first("discount", self._cells.is_number)
        self._take_first("refunded_at", self._cells.is_date)
        self._take_first("zone", self._cells.is_zone)
        if "currency" in self.fields:
            self._take_first("rate", self._cells.is_number)
        return self.fields

    def recognize(self, fields: Iterable[str]) -> dict[str, Expression]:
        """Return the columns of events of another kind."""
        for field in fields:
            if field == "occurred_at":
                self._recognize_moment()
            elif field == "customer_id":
                self._recognize_customer()
            else:
                self._take_first(field)
        return self.fields

    def recognize_missing(self, fields: Iterable[str]) -> dict[str, Expression]:
        """Return the columns of the fields of a platform, with those that its names did not find."""
        for field in fields:
            fits = {FieldType.MONEY: self._cells.is_number, FieldType.MOMENT: self._cells.is_date}.get(type_of(field))
            self._take_first(field, fits)
        return self.fields

    def kind_column(self) -> Expression | None:
        """Return the column that says what kind of event a row is: one with at least one known word."""
        for name in self._names.candidates("type"):
            words = [text for text, _ in self._source.staging.examples(*self._place(name), _MAX_WORDS)]
            known = [word for word in words if kind_of_word(word)]
            if known:
                shown = ", ".join(f"{word} = {kind_of_word(word)}" for word in known[:4])
                self._findings.assume("type", name, f"its words say what a row is: {shown}", "--field type=")
                self._taken.add(name)
                return Column(name)
        return None

    def refund_documents(self) -> dict[str, tuple[str, ...]]:
        """Return the words by which numbers of documents say that they are refunds, such as `Возврат 0001`.

        Empty if no number begins with one, or all do.
        """
        number = self.fields.get("order_id")
        if not isinstance(number, Column) or "type" in self.fields:
            return {}
        texts = [text for text, _ in self._source.staging.examples(*self._place(number.name), _MAX_DOCUMENTS)]
        begins = [_beginnings(text) for text in texts]
        refunds = sorted({word for words in begins for word in words if kind_of_word(word) == "refund"})
        if not refunds or all(not words.isdisjoint(refunds) for words in begins):
            return {}
        self.fields["type"] = number
        evidence = f"numbers in {number.name} begin with {', '.join(refunds)}"
        self._findings.assume("type", number.name, f"{evidence}: refunds; all others are sales", "--field type=")
        return {"refund": tuple(f"{word}*" for word in refunds)}

    def has_amount(self) -> bool:
        """Whether a column, or two of them, can be the amount of orders."""
        if {"amount", "unit_price"} & self.fields.keys():
            return True
        return any(self._cells.is_number(name) for field in ("amount", "unit_price") for name in self._filled(field))

    def order_count(self) -> str:
        """Return the column that says how many orders a row sums up; empty: there is none."""
        return next((name for name in self._filled("order_count") if self._cells.is_number(name)), "")

    def recognize_refund_list(self) -> bool:
        """Whether the rows have no amounts but those of refunds; if so, set these as amounts, with their dates."""
        name = next((name for name in self._filled("refunded") if self._cells.is_number(name)), None)
        returns = ReturnColumns(self._source, self._cells.decisions)
        if name is None or returns.is_flag(name) or {"amount", "occurred_at"} & self._mapping.constants.keys():
            return False
        if not returns.is_everywhere(name) or not (self._filled("refund_id") or self._filled("refunded_at")):
            return False
        self._set("amount", Column(name))
        self._take_first("occurred_at", self._cells.is_date)
        for at in self._filled("refunded_at"):
            if "occurred_at" not in self.fields and self._cells.is_date(at):
                self._set("occurred_at", Column(at, zone=read_zone(unit_of(at)) or ""))
        return True

    def _recognize_amount(self) -> None:
        if "amount" in self.fields:
            return
        if "amount" in self._mapping.constants:
            return
        names = [name for name in self._filled("amount") if self._cells.is_number(name)]
        name = names[0] if names else None
        quantity, price = self.fields.pop("quantity", None), self.fields.pop("unit_price", None)
        if name is not None and price is None:
            self._set("amount", Column(name))
            if is_paid_amount(name) and len(names) > 1 and not is_paid_amount(names[1]):
                self._set("ordered_amount", Column(names[1]))
            return
        quantity = quantity or self._first_number("quantity")
        price = price or self._first_number("unit_price")
        if price is not None and quantity is not None:
            self._set("amount", Arithmetic("multiply", (quantity, price)))
        elif price is not None:
            self._set("amount", price)
        else:
            self._ask_for_column(
                "amount",
                "Which column has the amount paid for an order?",
                self._plausible(self._cells.is_number),
                (),
            )

    def _first_number(self, field: str) -> Column | None:
        name = next((name for name in self._filled(field) if self._cells.is_number(name)), None)
        return Column(name) if name else None

    def _recognize_moment(self) -> None:
        given = self.fields.get("occurred_at")
        if given is not None:
            self.fields["occurred_at"] = self._with_times(given)
            return
        if "occurred_at" in self._mapping.constants:
            return
        name = next((name for name in self._filled("occurred_at") if self._cells.is_date(name)), None)
        if name is None:
            self.ask_for_moment()
            return
        zone = read_zone(unit_of(name)) or ""
        time = None if self._cells.has_time(name) else self._time_column(name)
        if time is not None:
            self._findings.assume("occurred_at", f"{name} and {time}", f"{time} has times of day only", "--field")
        self._set("occurred_at", Joined((name, time)) if time else Column(name, zone=zone))

    def _with_times(self, given: Expression) -> Expression:
        """Return a list of columns of which the second has times of day as these two joined."""
        match given:
            case FirstFilled((Column(day, "", "", ""), Column(time, "", "", ""))) if self._cells.is_times(time):
                evidence = f"{time} has times of day only, so it belongs to {day}"
                self._findings.assume("occurred_at", f"{day} and {time}", evidence, '{ join = ["…", "…"] }')
                return Joined((day, time))
            case _:
                return given

    def _recognize_ids(self) -> None:
        self._take_first("order_id")
        self._recognize_returns()
        self._recognize_customer()

    def _recognize_returns(self) -> None:
        """Find the columns about returns: flags, sums, and numbers of refunds, whatever they are called."""
        returns = ReturnColumns(self._source, self._cells.decisions)
        self._take_first("returned", returns.is_flag)
        amount = self.fields.get("amount")
        unclear = []

        def is_sum(name: str) -> bool:
            if returns.is_flag(name) or not self._cells.is_number(name):
                return False
            found = returns.is_sum(name, amount)
            if found is None:
                unclear.append(name)
            return bool(found)

        self._take_first("refunded", is_sum)
        self._take_first(
            "refund_id", lambda name: not self._cells.looks_like_money(name) and not self._cells.is_date(name)
        )
        for name in dict.fromkeys(
            name for field in ("returned", "refunded", "refund_id") for name in self._filled(field)
        ):
            if name not in (*self._taken, *unclear) and not returns.is_flag(name):
                evidence = "it says something about returns that is neither a flag, a sum nor a number of a refund"
                self._findings.assume("returns", f"without {name}", evidence, "--field refunded=")
        for name in unclear:
            if self.fields.get("refund_id") == Column(name):
                text = f"Does {name} have sums that were refunded, or numbers of refunds?"
                choices, option = (Choice(name, "sums that were refunded"),), f'--field refunded="{name}" or refund_id='
                self._findings.ask(Question("refunded", text, "fields.refunded", choices, option))

    def _is_number_of_refund(self, name: str) -> bool:
        return not self._cells.looks_like_money(name) and not self._cells.is_date(name)

    def _recognize_customer(self) -> None:
        if "customer_id" in self.fields or "email" in self.fields or "customer_id" in self._mapping.constants:
            return
        emails, ids = self._filled("email"), self._filled("customer_id")
        if emails:
            self._set("email", Column(emails[0]))
        if ids:
            self._set("customer_id", Column(ids[0]))
        if emails or ids:
            return
        for field in ("phone", "customer_name"):
            names = [name for name in self._filled(field) if name not in self._taken]
            if names:
                self._set("customer_id", Column(names[0]))
                return

    def ask_for_customer(self) -> None:
        """Ask which column says who the customer is."""
        choices = self._plausible(self._cells.is_identity)
        self._ask_for_column(
            "customer_id",
            "Which column says who the customer is? None is named so that it is certain.",
            choices,
            ("--allow-anonymous imports all sales without customers",),
        )

    def ask_for_moment(self) -> None:
        """Ask which column has the moment, or for one moment of all rows if no column has dates."""
        choices = self._plausible(self._cells.is_date)
        if choices:
            self._ask_for_column("occurred_at", "Which column has the date of the order?", choices, ())
            return
        self._findings.ask(
            Question(
                "occurred_at",
                "No column has a date. When was all this?",
                "set.occurred_at",
                (),
                'a column: --field occurred_at="…", or one moment for all rows in a mapping file (--map): '
                '[set] occurred_at = "2025-05-12"',
            )
        )

    def _ask_for_column(self, field: str, text: str, names: Sequence[str], more: Sequence[str]) -> None:
        listed = ", ".join(self._source.names[:30])
        first = names[0] if names else "…"
        option = "; ".join((f'--field {field}="{first}"', *more))
        self._findings.ask(
            Question(
                field,
                f"{text} The file has {listed}.",
                f"fields.{field}",
                tuple(Choice(name, self._shown(name)) for name in names),
                option,
            )
        )

    def _shown(self, name: str) -> str:
        examples = self._source.staging.examples(*self._place(name), 3)
        return "such as " + ", ".join(text[:40] for text, _ in examples)

    def _plausible(self, fits: Callable[[str], bool]) -> list[str]:
        names = [name for name in self._source.names if name not in self._taken and self._source.filled(name)]
        likely = sorted(names, key=lambda name: not words_of(name) & _PEOPLE)
        return [name for name in likely if fits(name)][:_MAX_CHOICES]

    def _take_first(self, field: str, fits: Callable[[str], bool] | None = None) -> None:
        if field in self.fields or field in self._mapping.constants:
            return
        for name in self._filled(field):
            if name not in self._taken and (fits is None or fits(name)):
                self._set(field, Column(name))
                return

    def _filled(self, field: str) -> list[str]:
        """Return the columns that can be a field's by their names, without empty ones."""
        return [name for name in self._names.candidates(field) if self._source.filled(name)]

    def _set(self, field: str, expression: Expression) -> None:
        self.fields[field] = expression
        self._taken.update(columns_of(expression))
        for name in columns_of(expression):
            if others := self._others_of_the_name(name):
                text = f"Several columns are called {name}, and their contents differ. Which one is {field}?"
                self._ask_for_column(field, text, (name, *others), ())

    def _others_of_the_name(self, name: str) -> list[str]:
        """Return the other columns with the same name in the file, if one of them has other contents."""
        others = [other for other in self._source.names if re.fullmatch(rf"{re.escape(name)} \(\d+\)", other)]
        cell = self._source.cell(name)
        same = [self._source.cell(other).sql for other in others]
        if not same:
            return []
        differs = " OR ".join(f"{cell.sql} <> {other}" for other in same)
        row = self._source.staging.con.execute(
            f"SELECT count(*) FROM {self._source.from_sql} WHERE {differs}"
        ).fetchone()
        return others if row is not None and row[0] else []

    def _place(self, name: str) -> tuple[StagedTable, str]:
        cell = self._source.cell(name)
        return cell.table, cell.name

    def _time_column(self, day: str) -> str | None:
        others = [*self._names.candidates("occurred_at"), *self._source.names]
        return next((name for name in others if name not in (day, *self._taken) and self._cells.is_times(name)), None)


def _beginnings(text: str) -> set[str]:
    """Return the first word and the first two words of a text that has more of them."""
    words = words_in_order(text)
    return {"".join(words[:count]) for count in (1, 2) if len(words) > count}
