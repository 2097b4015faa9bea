"""The currencies of ISO 4217 and their digits after the decimal point.

Source: ISO 4217 list one with its amendments up to the Caribbean guilder (XCG, 2025). Codes without a minor unit (gold,
special drawing rights, testing codes) are left out, since they are not used for payments. Currencies withdrawn since
2023 are included, since histories contain them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_CODES: Final[dict[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
    COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    ANG BGN CUC HRK SLL ZWL
    """,  # the last line: withdrawn since 2023
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

DIGITS: Final[Mapping[str, int]] = MappingProxyType(
    {code: digits for digits, codes in _CODES.items() for code in codes.split()}
)
"""Alphabetic code to the number of digits after the decimal point."""
