# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""The events of orders, of their refunds, and of the consents that orders carry."""

import heapq
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from agents.importing.events.counted_event import CountedEvent, count_event, to_base, with_known
from agents.importing.events.customer_ids import IdPrefixes, bounded_id, derived_id, refund_of_order_id, refunded_id
from agents.importing.events.event_writer import EventWriter
from agents.importing.mapping.event_fields import CONSENT_CHANNELS
from agents.importing.orders.sale_lines import CONSENT_COLUMNS
from agents.importing.rows.refund_lists import split_amounts, with_totals
from agents.importing.staging.stage import Staging
from state.units.currencies import DIGITS
from state.units.money import format_minor

_ROWS_PER_FETCH: Final = 10_000
_ORDER_COLUMNS: Final = (
    "occurred_at",
    "line",
    "order_id",
    "customer",
    "minor",
    "currency",
    "discount_minor",
    "rate",
    "coupon",
    "channel",
    "store_id",
    "event_id",
    "ordinal",
    "order_reference",
)
_REFUND_COLUMNS: Final = (
    "occurred_at",
    "line",
    "refund_id",
    "source",
    "known",
    "order_id",
    "order_ordinal",
    "order_customer",
    "order_occurred_at",
    "order_minor",
    "mentioned",
    "customer",
    "minor",
    "counted_minor",
    "currency",
    "rate",
    "ordinal",
    "refund_amounts",
)


class Sales:
    """The tables of orders and refunds of one form of file.

    Args:
        staging: the database.
        name: of the table of orders; that of refunds is `<name>_refunds`.
        prefixes: of ids.
        consents: columns of consents that the orders have.
    """

    def __init__(self, staging: Staging, name: str, prefixes: IdPrefixes, consents: tuple[str, ...]) -> None:
        self.name = name
        self._staging = staging
        self._prefixes = prefixes
        self._consents = consents

    def events(self, writer: EventWriter) -> Iterator[CountedEvent]:
        """Yield all events in the order of their moments."""
        streams = []
        if self._consents and writer.takes("signup"):
            streams.append(self._signups(writer))
        if writer.takes("purchase"):
            streams.append(self._orders(writer))
        if writer.takes("refund"):
            streams.append(self._refunds(writer))
        return heapq.merge(*streams, key=lambda each: each[:3])

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables."""
        return self.name, f"{self.name}_refunds"

    def currencies_sql(self) -> str:
        """Return line, currency and rate of all orders, and of refunds of other orders."""
        return (
            f"SELECT line, currency, rate FROM {self.name} WHERE reason IS NULL AND minor >= 0 "
            f"UNION ALL SELECT line, currency, rate FROM {self.name}_refunds WHERE reason IS NULL AND NOT known"
        )

    def lost_minor(self, currency: str) -> tuple[Decimal, Decimal]:
        """Return what rounding took away from orders and from refunds in a currency, in minor units."""
        lost = "SELECT coalesce(sum(lost), 0) FROM"
        condition = f"reason IS NULL AND currency = '{currency}'"
        ((orders, refunds),) = self._staging.con.execute(
            f"SELECT ({lost} {self.name} WHERE minor >= 0 AND {condition}), "
            f"({lost} {self.name}_refunds WHERE counted_minor = minor AND {condition})"
        ).fetchall()
        return Decimal(orders), Decimal(refunds)

    def customers_sql(self) -> str:
        """Return the customers of all events, once or more."""
        return (
            f"SELECT customer FROM {self.name} WHERE reason IS NULL AND minor >= 0 "
            f"UNION ALL SELECT customer FROM {self.name}_refunds WHERE reason IS NULL"
        )

    def _rows(self, columns: tuple[str, ...], table: str, condition: str) -> Iterator[tuple[Any, ...]]:
        reader = self._staging.con.cursor()
        result = reader.sql(
            f"SELECT {', '.join(columns)} FROM {table} WHERE reason IS NULL AND {condition} ORDER BY occurred_at, line"
        )
        for batch in result.to_arrow_reader(_ROWS_PER_FETCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        reader.close()

    def _orders(self, writer: EventWriter) -> Iterator[CountedEvent]:
        for row in self._rows(_ORDER_COLUMNS, self.name, "minor >= 0"):
            (at, line, number, customer, minor, currency, discount, rate, coupon, channel, store, event_id, *more) = row
            ordinal, reference = more
            minor, digits = int(minor), DIGITS[currency]
            order_id = self._order_id(number, customer, at, minor, currency, ordinal)
            fields = {
                "event_id": event_id or bounded_id("purchase", order_id),
                "customer_id": self._prefixes.customer(customer),
                "order_id": order_id,
                "amount": format_minor(minor, digits),
                "currency": currency,
                "discount": format_minor(discount, digits) if discount else None,
                "coupon": coupon,
                "channel": channel,
                "store_id": store,
                "rate": _plain(rate),
            }
            counted = count_event(writer, "purchase", 1, fields, at, line)
            yield with_known(counted, order_reference=self._prefixes.order(reference)) if reference else counted

    def _refunds(self, writer: EventWriter) -> Iterator[CountedEvent]:
        lists = f"SELECT order_key AS list_of, refund_amounts FROM {self.name} WHERE refund_amounts IS NOT NULL"
        table = f"{self.name}_refunds LEFT JOIN ({lists}) ON source = 'column' AND order_key = list_of"
        for row in self._rows(_REFUND_COLUMNS, table, "true"):
            refund = dict(zip(_REFUND_COLUMNS, row, strict=True))
            currency = refund["currency"]
            order_id = None
            if refund["known"]:
                order_id = self._order_id(
                    refund["order_id"],
                    refund["order_customer"],
                    refund["order_occurred_at"],
                    refund["order_minor"],
                    currency,
                    refund["order_ordinal"],
                )
            left_minor = refund["counted_minor"]
            for minor, total in with_totals(split_amounts(refund["refund_amounts"], refund["minor"], DIGITS[currency])):
                counted_minor = min(minor, left_minor)
                left_minor -= counted_minor
                yield self._refund(writer, refund, order_id, (minor, total, counted_minor))

    def _refund(
        self, writer: EventWriter, refund: dict[str, Any], order_id: str | None, minor: tuple[int, int, int]
    ) -> CountedEvent:
        """Return a refund.

        Args:
            writer: writes it.
            refund: its row.
            order_id: of its order; None if that is not in the file.
            minor: its amount, the total refunded of the order after it, and what it takes back.
        """
        amount_minor, total, counted_minor = minor
        currency = refund["currency"]
        refund_id = self._refund_id(refund, order_id, amount_minor, format_minor(total, DIGITS[currency]))
        fields = {
            "event_id": bounded_id("refund", refund_id),
            "customer_id": self._prefixes.customer(refund["customer"]),
            "refund_id": refund_id,
            "order_id": order_id,
            "amount": format_minor(amount_minor, DIGITS[currency]),
            "currency": currency,
            "rate": _plain(refund["rate"]),
        }
        of_column = total if refund["source"] == "column" else None
        counted = count_event(writer, "refund", 2, fields, refund["occurred_at"], refund["line"], of_column)
        if order_id is None and refund["mentioned"]:
            counted = with_known(counted, mentioned_order=self._prefixes.order(refund["mentioned"]))
        if counted_minor != amount_minor or (counted.written and not counted.counted_minor):
            base = to_base(counted_minor, currency, refund["rate"], writer)
            counted = counted._replace(counted_minor=base)
        return counted

    def _refund_id(self, refund: dict[str, Any], order_id: str | None, minor: int, total: str) -> str:
        if refund["source"] == "column":
            return refunded_id(order_id, total) if order_id else ""
        if refund["source"] == "cancel":
            return f"{order_id}:cancelled"
        if refund["refund_id"]:
            return self._prefixes.order(refund["refund_id"])
        mentioned = refund["mentioned"]
        contents = (refund["occurred_at"], minor, refund["currency"], refund["ordinal"])
        if mentioned:
            return self._prefixes.order(refund_of_order_id(mentioned, *contents))
        return self._prefixes.order(derived_id("refund", refund["customer"], *contents))

    def _order_id(
        self, number: str | None, customer: str | None, at: int, minor: int, currency: str, ordinal: int | None
    ) -> str:
        return self._prefixes.order(number or derived_id(customer, at, minor, currency, ordinal))

    def _signups(self, writer: EventWriter) -> Iterator[CountedEvent]:
        """Yield a signup with the latest consents of each customer."""
        for at, line, customer, *flags in self._consent_rows():
            granted = {channel: flag for channel, flag in zip(CONSENT_CHANNELS, flags, strict=True) if flag is not None}
            fields = {
                "event_id": f"signup:{derived_id(customer, at, sorted(granted.items()))}",
                "customer_id": self._prefixes.customer(customer),
                "consent": granted,
            }
            yield count_event(writer, "signup", 0, fields, at, line)

    def _consent_rows(self) -> Iterator[tuple[Any, ...]]:
        reader = self._staging.con.cursor()
        result = reader.sql(f"{self.consents_sql()} ORDER BY occurred_at, line")
        for batch in result.to_arrow_reader(_ROWS_PER_FETCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        reader.close()

    def consents_sql(self) -> str:
        """Return moment, line, customer and the latest consents of each customer who has any; empty: nobody has."""
        if not self._consents:
            return ""
        when = "(occurred_at, position)"
        has_any = " OR ".join(f"{column} IS NOT NULL" for column in self._consents)
        latest = ", ".join(
            f"arg_max({column}, {when}) AS {column}" if column in self._consents else f"NULL::BOOLEAN AS {column}"
            for column in CONSENT_COLUMNS
        )
        return (
            f"SELECT max(occurred_at) AS occurred_at, arg_max(line, {when}) AS line, customer, {latest} "
            f"FROM {self.name} WHERE reason IS NULL AND minor >= 0 AND customer IS NOT NULL AND ({has_any}) "
            "GROUP BY customer"
        )


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else format(number.normalize(), "f")
