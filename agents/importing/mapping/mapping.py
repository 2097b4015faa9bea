"""A mapping: how the rows of a file become orders, refunds and other events. Platforms have the same form."""

from typing import Final

import msgspec

from agents.importing.mapping.event_fields import FIELDS_BY_KIND
from agents.importing.mapping.expression import Expression
from agents.importing.reading.source_table import ReadOptions

AUTO: Final = "auto"
KINDS: Final = (*FIELDS_BY_KIND, AUTO)
ROW_KINDS: Final = (*FIELDS_BY_KIND, "cancel", "skip")
"""What a word of a kind column can say about its row; `cancel` refunds all that is left of an order."""
GROUP_AMOUNTS: Final = ("sum", "first")


class Statuses(msgspec.Struct, frozen=True):
    """Which orders count, by the words of the field `status`.

    Attributes:
        counts: words of orders that count.
        skip: words of orders that do not.
        refunded: words of orders that count and are refunded as a whole, unless a column says how much.
        other: what any other word, or none, means: `count`, `skip`, or empty for the usual meaning of the word.
    """

    counts: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    refunded: tuple[str, ...] = ()
    other: str = ""


class RowRule(msgspec.Struct, frozen=True):
    """Leave out the rows that fit, or with `keep` the rows that do not.

    Attributes:
        column: whose cells decide; a platform's rule without its column does not apply.
        values: words that fit.
        matches: a regular expression that fits if it is found in the cell; empty: none.
        is_empty: whether an empty cell fits.
        keep: whether rows that fit are the ones that stay.
        reason: for the report.
        whole_order: whether an order is left out as soon as one of its rows is.
    """

    column: str
    values: tuple[str, ...] = ()
    matches: str = ""
    is_empty: bool = False
    keep: bool = False
    reason: str = "rule"
    whole_order: bool = False


class Grouping(msgspec.Struct, frozen=True):
    """Which rows are one order, and how their amounts make its amount.

    Attributes:
        by: fields of equal value; empty: `order_id`.
        amount: `sum` of the lines, or `first` filled; empty: decide from the file.
    """

    by: tuple[str, ...] = ()
    amount: str = ""


class Join(msgspec.Struct, frozen=True):
    """Another file that belongs to the main one.

    Attributes:
        columns: names of columns by which the file is recognized; all must exist.
        on: names of the columns with equal cells in both files.
        many: whether several of its rows belong to one row of the main file; otherwise the first one does.
        required: whether the import is refused without it.
        title: what the file is, for the refusal.
    """

    columns: tuple[str, ...]
    on: tuple[str, ...]
    many: bool = False
    required: bool = False
    title: str = ""


class Identify(msgspec.Struct, frozen=True):
    """What serves as the id of a customer.

    Attributes:
        by: `email`, otherwise the platform's own id; or `id`, otherwise the email.
        key_env: environment variable with the key of a keyed hash of the id; empty: no hash, or `key_file`.
        key_file: file with that key.
    """

    by: str = "email"
    key_env: str = ""
    key_file: str = ""


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a file; what is empty is decided from the file.

    Attributes:
        platform: name of the platform whose mapping this one changes; empty: detected; `generic`: none.
        kind: of all rows; `auto`: by a type column, otherwise by the columns.
        timezone: IANA name for moments without an offset.
        time_format: for `strptime`, or such as `unix_ms`, `day_first`, `month_first`.
        date_order: the time format of dates that can be read in two ways, where the file does not tell which.
        decimal: the decimal sign, "." or ",".
        currency: of rows that name none.
        file_format, delimiter, encoding, header, sheet, skip_lines: how the file is read (`ReadOptions`).
        fields: field to what its value is computed from.
        refund: the same for rows that are refunds, where it differs.
        constants: field to its value in rows that have none.
        words: kind of event, `cancel` or `skip` to the words of the type column that stand for it; `*` is any text.
        other_words: the kind of rows with any other word; empty: such a row is unreadable.
        statuses: which orders count.
        rules: rows that are left out.
        group: which rows are one order.
        guests: texts in place of a customer's id that stand for nobody.
        negative: what a sale below zero is: `refund` (also if empty) or `skip`.
        refund_numbers: what a row with a refund number is: `refunds`, or `orders` that were given back; empty: decide.
        joins: files that belong together.
        explode: a column with a JSON list of objects, each of which becomes a row.
        identify: what serves as the id of a customer; None: the default of `Identify`.
        source: prefix of customer ids and order ids, without the colon.
        usual_names: whether fields whose columns a file of the platform does not have are recognized by usual names.
    """

    platform: str = ""
    kind: str = AUTO
    timezone: str = ""
    time_format: str = ""
    date_order: str = ""
    decimal: str = ""
    currency: str = ""
    file_format: str = ""
    delimiter: str = ""
    encoding: str = ""
    header: tuple[str, ...] = ()
    sheet: str = ""
    skip_lines: int | None = None
    fields: dict[str, Expression] = msgspec.field(default_factory=dict)
    refund: dict[str, Expression] = msgspec.field(default_factory=dict)
    constants: dict[str, str] = msgspec.field(default_factory=dict)
    words: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    other_words: str = ""
    statuses: Statuses = Statuses()
    rules: tuple[RowRule, ...] = ()
    group: Grouping = Grouping()
    guests: tuple[str, ...] = ()
    negative: str = ""
    refund_numbers: str = ""
    joins: tuple[Join, ...] = ()
    explode: str = ""
    identify: Identify | None = None
    source: str = ""
    usual_names: bool = False

    def read_options(self) -> ReadOptions:
        """Return how the file is read."""
        return ReadOptions(
            file_format=self.file_format or None,
            encoding=self.encoding or None,
            delimiter=self.delimiter or None,
            header=self.header or None,
            sheet=self.sheet or None,
            skip=self.skip_lines,
        )


_AMOUNT_FIELDS: Final = (
    "quantity",
    "unit_price",
    "converted_amount",
    "converted_currency",
    "converted_refunded",
    "adjusted_amount",
)


def combine(base: Mapping, changes: Mapping) -> Mapping:
    """Return a platform's mapping with the changes of a mapping file or of options.

    A field that is changed replaces all that the platform computes the same from: with its own `customer_id` or
    `amount`, a mapping file does not get the platform's `email` or `quantity`.
    """
    fields = dict(base.fields)
    if "customer_id" in changes.fields and changes.identify is None:
        fields.pop("email", None)
    if "amount" in changes.fields:
        for field in _AMOUNT_FIELDS:
            fields.pop(field, None)
    if "occurred_at" in changes.fields:
        fields.pop("zone", None)
    default = Mapping()
    given = {
        name: value for name in Mapping.__struct_fields__ if (value := getattr(changes, name)) != getattr(default, name)
    }
    return msgspec.structs.replace(
        base,
        **given
        | {
            "platform": base.platform or changes.platform,
            "fields": fields | changes.fields,
            "refund": base.refund | changes.refund,
            "constants": base.constants | changes.constants,
            "words": base.words | changes.words,
            "rules": tuple(dict.fromkeys((*base.rules, *changes.rules))),
            "guests": tuple(dict.fromkeys((*base.guests, *changes.guests))),
        },
    )
