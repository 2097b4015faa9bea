"""Recognize the columns of fields by their names, in English and in Russian.

Names are compared without case, spaces and punctuation: `Customer ID`, `customer_id` and `CustomerId` are equal.
"""

import unicodedata
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final

FIELDS_BY_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "purchase": ("order_id", "amount", "currency", "discount", "coupon", "channel", "store_id", "rate"),
    "refund": ("refund_id", "order_id", "amount", "currency", "rate"),
    "signup": ("source", "birth_date", "city", "country", "timezone", "language", "referred_by", "consent"),
    "consent": ("channel", "granted"),
    "contact": ("message_id", "kind", "permanent", "cost", "currency"),
    "erasure": (),
}
"""The fields of each kind of event, besides `COMMON_FIELDS`."""
COMMON_FIELDS: Final = ("event_id", "customer_id", "occurred_at", "backfill", "type")
ALL_FIELDS: Final = tuple(
    dict.fromkeys((*COMMON_FIELDS, *(field for fields in FIELDS_BY_KIND.values() for field in fields)))
)
CONSENT_CHANNELS: Final = ("email", "sms", "push", "messenger", "call", "all")

KIND_BY_TOPIC: Final[Mapping[str, str | None]] = {
    "events": None,
    "purchases": "purchase",
    "refunds": "refund",
    "signups": "signup",
    "consents": "consent",
    "contacts": "contact",
    "erasures": "erasure",
}
"""Short names of the source topics; `events` takes every kind."""

_ALIASES: Final[Mapping[str, str]] = {
    "type": "type; event type; event; operation; тип; тип события; операция",
    "event_id": "event_id; ид события",
    "customer_id": (
        "customer_id; customer; cust_id; cust; client_id; client; user_id; user; buyer_id; buyer; member_id; "
        "loyalty_id; card_id; card_number; ид клиента; клиент id; код клиента; номер клиента; клиент; покупатель; "
        "номер карты; карта"
    ),
    "occurred_at": (
        "occurred_at; occurred; timestamp; datetime; date time; date; order_date; order_time; purchase_date; "
        "purchased_at; invoice_date; transaction_date; created_at; ts; дата и время; дата время; дата; дата заказа; "
        "дата покупки; дата чека; дата продажи; время"
    ),
    "backfill": "backfill",
    "order_id": (
        "order_id; order; order_number; order_no; receipt_id; receipt; receipt_number; receipt_no; check_id; check; "
        "check_number; invoice_id; invoice; invoice_number; invoice_no; transaction_id; transaction; basket_id; "
        "ид заказа; номер заказа; заказ; номер чека; чек; номер документа; документ"
    ),
    "amount": (
        "amount; sum; total; total_amount; order_amount; revenue; sales; spend; spent; paid; value; "
        "сумма; сумма чека; сумма заказа; сумма покупки; итого; выручка; оплачено"
    ),
    "currency": "currency; currency_code; ccy; валюта",
    "discount": "discount; discount_amount; discount_sum; скидка; сумма скидки",
    "coupon": "coupon; coupon_code; promo_code; promo; купон; промокод",
    "channel": "channel; sales_channel; канал; канал продаж",
    "store_id": "store_id; store; shop_id; shop; branch; ид магазина; магазин; филиал; точка продаж",
    "rate": "rate; fx_rate; exchange_rate; курс",
    "refund_id": "refund_id; refund; return_id; return; ид возврата; номер возврата; возврат",
    "source": "source; источник",
    "birth_date": "birth_date; birthday; date_of_birth; dob; дата рождения; день рождения",
    "city": "city; город",
    "country": "country; страна",
    "timezone": "timezone; time_zone; tz; часовой пояс",
    "language": "language; lang; язык",
    "referred_by": "referred_by; referrer; кто привел",
    "consent": "consent; consents",
    "granted": "granted; consent; согласие",
    "message_id": "message_id; message; ид сообщения",
    "kind": "kind; contact_kind; contact; вид",
    "permanent": "permanent; hard",
    "cost": "cost; стоимость",
}

KIND_WORDS: Final[Mapping[str, str]] = {
    word: kind
    for kind, words in {
        "purchase": "purchase; purchases; order; sale; sell; buy; покупка; продажа; заказ; приход",
        "refund": "refund; refunds; return; returned; возврат; возврат прихода",
        "signup": "signup; sign up; registration; регистрация",
        "consent": "consent; consents; согласие",
        "contact": "contact; contacts; контакт",
        "erasure": "erasure; erase; удаление",
    }.items()
    for word in words.split("; ")
}


def normalize_name(name: str) -> str:
    """Return a column name as it is compared: letters and digits only, without case, `ё` as `е`."""
    folded_name = unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")
    return "".join(letter for letter in folded_name if letter.isalnum())


COLUMN_ALIASES: Final = {
    field: tuple(normalize_name(alias) for alias in aliases.split("; ")) for field, aliases in _ALIASES.items()
}
_KINDS: Final = {normalize_name(word): kind for word, kind in KIND_WORDS.items()}


def kind_from_word(word: str) -> str | None:
    """Return the kind of event that a word in a type column stands for; None if it is unknown."""
    return _KINDS.get(normalize_name(word))


def kind_from_fields(fields: Container[str]) -> str | None:
    """Return the kind of event that has such fields, for rows without a type; None if it is unclear."""
    if "amount" in fields:
        return "refund" if "refund_id" in fields and "order_id" not in fields else "purchase"
    kind_by_field = {
        "message_id": "contact",
        "granted": "consent",
        "birth_date": "signup",
        "source": "signup",
        "city": "signup",
    }
    return next((kind for field, kind in kind_by_field.items() if field in fields), None)


def find_columns(names: Iterable[str], fields: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Find the columns of fields; if several columns fit a field, the first of its aliases in our list decides.

    Columns named `date` and `time` together make `occurred_at`. A column named `consent_email` is `consent.email`.

    Returns:
        Field to column positions; fields without a column are left out.
    """
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        positions.setdefault(normalize_name(name), position)
    found: dict[str, tuple[int, ...]] = {}
    for field in fields:
        alias = next((alias for alias in COLUMN_ALIASES[field] if alias in positions), None)
        if alias is not None:
            found[field] = (positions[alias],)
    for day, time in (("date", "time"), ("дата", "время")):
        if "occurred_at" in found and day in positions and time in positions:
            found["occurred_at"] = (positions[day], positions[time])
    if "consent" in fields:
        for channel in CONSENT_CHANNELS:
            if f"consent{channel}" in positions:
                found[f"consent.{channel}"] = (positions[f"consent{channel}"],)
    return found
