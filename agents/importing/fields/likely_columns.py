"""Which columns a question may suggest, by the words of their names: a hint never suggests the wrong reading."""

from typing import Final

from agents.importing.mapping.known_names import words_in_order, words_of

_PEOPLE: Final = frozenset(
    {"customer", "client", "buyer", "user", "member", "person", "card", "email", "phone", "name", "contact", "account"}
    | {"клиент", "клиента", "покупатель", "покупателя", "заказчик", "карта", "карты", "телефон", "почта", "имя", "фио"}
    | {"kunde", "kunden", "client", "cliente", "klient", "zakaznik", "nom", "nombre", "nome"}
)
_OTHERS: Final = (
    *("product", "item", "lineitem", "sku", "goods", "article", "artikel", "produkt", "variant", "brand", "categor"),
    *("товар", "артикул", "назван", "наименован", "номенклатур", "категор", "бренд", "штрихкод"),
    *("order", "invoice", "transaction", "receipt", "заказ", "задани", "чек", "счет", "документ", "отправлени"),
    *("employee", "staff", "cashier", "manager", "seller", "salesperson", "operator", "courier", "driver", "supplier"),
    *("сотрудник", "кассир", "менеджер", "продав", "оператор", "курьер", "водител", "поставщик", "ответствен"),
    *("mitarbeiter", "kassierer", "verkaufer", "lieferant", "vendeur", "empleado"),
)
"""Beginnings of words of columns that name goods, orders, or people who are no customers."""
_MONEY: Final = (
    *("amount", "total", "sum", "paid", "price", "revenue", "gross", "payment", "betrag", "umsatz", "montant"),
    *("importe", "castka", "kwota", "prezzo", "totale", "preis", "prix"),
    *("сумм", "итог", "оплач", "стоимост", "выручк", "цен"),
)
_NOT_PAID: Final = (
    *("without", "excl", "net", "netto", "before", "tax", "vat", "fee", "commission", "cost", "balance", "shipping"),
    *("без", "ндс", "налог", "комисси", "себестоим", "баланс", "остат", "доставк", "скидк", "бонус", "discount"),
    *("count", "quantity", "qty", "orders", "количеств", "колво", "last", "first", "average", "средн", "последн"),
)
_OTHER_DATES: Final = (
    *("last", "first", "birth", "registr", "delivery", "deliver", "arriv", "due", "expir", "valid", "geburt", "letzt"),
    *("последн", "перв", "рожден", "регистр", "поступлен", "доставк", "отгрузк", "годен", "срок"),
)
_WITH: Final = frozenset({"with", "incl", "including", "inkl", "avec", "con", "с"})
"""Words of amounts with something that is paid too, such as a tax."""
HUNDREDTHS: Final = "hundredths of the currency"
_UNITS: Final = {
    HUNDREDTHS: ("cent", "cents", "коп", "копеики", "копеиках", "копеек", "kopecks", "pence"),
    "thousands": ("тыс", "тысяч", "тысячи", "тысячах", "thousand", "thousands"),
    "millions": ("млн", "миллион", "миллионов", "million", "millions", "mio"),
}


def is_somebody(name: str) -> bool:
    """Whether a column with this name probably says who the customer is."""
    words = words_of(name)
    return bool(words & _PEOPLE) and names_no_other(name)


def names_no_other(name: str) -> bool:
    """Whether the name of a column says nothing of goods, orders, or people who are no customers."""
    return not _begin(words_of(name), _OTHERS)


def is_what_was_paid(name: str) -> bool:
    """Whether a column with this name probably has what was paid for an order, in whole units of the currency."""
    words = words_in_order(name)
    if scale_of(name) or not _begin(words, _MONEY):
        return False
    return not _WITH.isdisjoint(words) or not _begin(words, _NOT_PAID)


def is_of_orders(name: str) -> bool:
    """Whether a column of dates with this name can have those of orders."""
    return not _begin(words_in_order(name), _OTHER_DATES)


def scale_of(name: str) -> str:
    """Return the unit of amounts that are not in whole units of the currency, in words; otherwise an empty text."""
    words = words_in_order(name)
    return next((unit for unit, ends in _UNITS.items() if words and {*words[-2:]} & {*ends}), "")


def _begin(words: frozenset[str] | tuple[str, ...], beginnings: tuple[str, ...]) -> bool:
    return any(word.startswith(beginnings) for word in words)
