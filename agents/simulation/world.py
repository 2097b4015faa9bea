"""The world of simulated customers: cities with stores, coupons, opening hours and prices."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class City(NamedTuple):
    """A city; `weight` is its share of the customers in percent."""

    name: str
    weight: int
    country: str
    timezone: str
    language: str
    stores: tuple[str, ...]


CITIES: Final = (
    City("Москва", 40, "RU", "Europe/Moscow", "ru", ("msk-01", "msk-02", "msk-03", "msk-04")),
    City("Санкт-Петербург", 22, "RU", "Europe/Moscow", "ru", ("spb-01", "spb-02")),
    City("Казань", 10, "RU", "Europe/Moscow", "ru", ("kzn-01",)),
    City("Екатеринбург", 10, "RU", "Asia/Yekaterinburg", "ru", ("ekb-01",)),
    City("Новосибирск", 8, "RU", "Asia/Novosibirsk", "ru", ("nsk-01",)),
    City("Владивосток", 4, "RU", "Asia/Vladivostok", "ru", ("vvo-01",)),
    City("Алматы", 6, "KZ", "Asia/Almaty", "kk", ("ala-01",)),
)
CITY_WEIGHTS: Final = tuple(city.weight for city in CITIES)

SIGNUP_SOURCES: Final = ("till", "site", "app", "friend", "advertising")
COUPONS: Final = ("HELLO10", "SPRING15", "BIRTHDAY", "BLACKFRIDAY", "FRIEND500")
DISCOUNT_PERCENTS: Final = (5, 10, 10, 15, 20, 30)

# Customers by hour of the day, 0 to 23 UTC: few at night, most after work.
HOUR_WEIGHTS: Final = (1, 1, 1, 1, 2, 4, 8, 12, 15, 17, 18, 18, 17, 17, 19, 22, 24, 22, 17, 11, 6, 3, 2, 1)

_MEDIAN_ORDER: Final[Mapping[str, int]] = {
    "RUB": 1_800,
    "KZT": 9_500,
    "UAH": 850,
    "TRY": 700,
    "INR": 1_600,
    "CNY": 150,
    "JPY": 4_000,
    "KRW": 35_000,
    "KWD": 9,
}
_DEFAULT_MEDIAN_ORDER: Final = 30


def median_order(currency: str) -> int:
    """Return the price of a median order, in major units."""
    return _MEDIAN_ORDER.get(currency, _DEFAULT_MEDIAN_ORDER)
