"""What `goldstream init` says, in both languages."""

from typing import Final

from streams.defaults import Language

QUESTIONS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "name": "Name of the policy and the campaigns (a-z, 0-9, _ and -)",
        "currency": "Base currency, ISO 4217",
        "timezone": "Time zone of the shop: when a day begins",
        "window_days": "Window: how many days an order counts for frequency and monetary",
        "partitions": "Partitions: at most so many workers share the customers (deploy/sizing.md)",
        "typical_order": "What a typical order brings; thresholds follow from it",
        "kafka": "Kafka, host:port, several separated by commas",
        "replication": "Replication of the topics: 3 on a cluster of three brokers or more",
        "redis": "Redis URL for look-ups; - for none",
        "prefix": "Prefix of the names of topics and Redis keys",
    },
    "ru": {
        "name": "Имя политики и кампаний (a-z, 0-9, _ и -)",
        "currency": "Основная валюта, код ISO 4217",
        "timezone": "Часовой пояс магазина: когда начинается день",
        "window_days": "Окно: сколько дней заказ учитывается в частоте и сумме",
        "partitions": "Партиции: столько рабочих процессов, не больше, могут делить покупателей (deploy/sizing.md)",
        "typical_order": "Сумма обычного заказа; из неё следуют пороги",
        "kafka": "Kafka, хост:порт, несколько — через запятую",
        "replication": "Копий каждого топика: 3, если в кластере три брокера или больше",
        "redis": "Адрес Redis для запросов; - если не нужен",
        "prefix": "Префикс имён топиков и ключей Redis",
    },
}

PERMANENT: Final[dict[Language, str]] = {
    "en": "The next four are permanent: after the first start, another value needs another prefix and a replay.",
    "ru": "Следующие четыре — навсегда: после первого запуска другие значения потребуют нового префикса и replay.",
}
CHANGEABLE: Final[dict[Language, str]] = {
    "en": "Everything else can be changed later.",
    "ru": "Всё остальное можно изменить потом.",
}

SUMMARY: Final[dict[Language, str]] = {
    "en": """\
wrote {settings}, {policy} and {campaigns}

Permanent from the first start on, for the prefix {prefix}:
  currency {currency}, time zone {timezone}, window {window_days} days, {partitions} partitions
  Another value needs another prefix: goldstream replay --into PREFIX

Can be changed at any time:
  thresholds, segments, rates   edit {policy}, raise its version, goldstream policy apply {policy}
  campaigns                     edit {campaigns}, raise its version, goldstream campaigns apply {campaigns}
  Kafka, Redis, replication …   edit {settings}, restart the workers

Next:
  export GOLDSTREAM_CONFIG={settings}
  goldstream doctor             checks Kafka, Redis and these files
  goldstream worker             creates the topics, and starts
""",
    "ru": """\
записаны {settings}, {policy} и {campaigns}

Навсегда с первого запуска, для префикса {prefix}:
  валюта {currency}, часовой пояс {timezone}, окно {window_days} дней, партиций: {partitions}
  Другие значения потребуют нового префикса: goldstream replay --into PREFIX

Можно менять в любое время:
  пороги, сегменты, курсы       измените {policy}, увеличьте version, goldstream policy apply {policy}
  кампании                      измените {campaigns}, увеличьте version, goldstream campaigns apply {campaigns}
  Kafka, Redis, копии …         измените {settings}, перезапустите рабочие процессы

Дальше:
  export GOLDSTREAM_CONFIG={settings}
  goldstream doctor             проверит Kafka, Redis и эти файлы
  goldstream worker             создаст топики и начнёт работу
""",
}
