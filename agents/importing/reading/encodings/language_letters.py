"""How well a text fits the letters of one language: what tells `Hélène` (cp1252) from `Hélčne` (cp1250)."""

import itertools
import re
from collections import Counter
from typing import Final

# The letters of each language beyond those of English. One language per line: a text is in one of them, mostly. Names
# of customers may be in several of a region; the regions are apart.
_LATIN: Final = """\
de äöüß
fr àâæçéèêëîïôœùûüÿ
es áéíñóúü
pt ãáàâçéêíõóôúü
it àèéìíîòóùú
da æøåéäöü
sv åäöéü

is áðéíóúýþæö

pl ąćęłńóśźż
cs áčďéěíňóřšťúůýž
sk áäčďéíĺľňóôŕšťúýž
hu áéíóöőúüű
ro ăâîşţșț
hr čćđšž

tr çğıİöşüâîû

lt ąčęėįšųūž
lv āčēģīķļņšūž
et äõöüšž

vi àáâãèéêìíòóôõùúýăđĩũơư"""
_OTHER: Final = """\
ru абвгдежзийклмнопрстуфхцчшщъыьэюяё
uk абвгдежзийклмнопрстуфхцчшщьюяіїєґ
be абвгдежзйклмнопрстуфхцчшыьэюяёіў
sr абвгдежзиклмнопрстуфхцчшђјљњћџ
mk абвгдежзиклмнопрстуфхцчшѓјљњќѕџ
kk абвгдежзийклмнопрстуфхцчшщъыьэюяёәғқңөұүһі
el αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ"""


def _alphabets(lines: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(line[3:] + line[3:].upper()) for line in lines.split("\n") if line)


_LATIN_ALPHABETS: Final = _alphabets(_LATIN)
_REGIONS: Final = tuple(frozenset[str]().union(*_alphabets(region)) for region in _LATIN.split("\n\n"))
_REGION_WEIGHT: Final = 0.9
_CAPITAL_INSIDE: Final = re.compile(r"[a-z][^\W\d_a-zA-Z](?=[a-z])")
_OTHER_ALPHABETS: Final = _alphabets(_OTHER)
_SYMBOLS: Final = frozenset("€£¥§°±²³µ·½¼¾«»„“”‘’‚–—…№©®™×•₽₴₸₺ªº¿¡\u00a0\u00ad\u2009\u202f")
_RANGES: Final = (
    ((0x0590, 0x05FF),),  # Hebrew
    ((0x0600, 0x06FF), (0x200C, 0x200F)),  # Arabic
    ((0x0E00, 0x0E7F),),  # Thai
    ((0xAC00, 0xD7A3), (0x3000, 0x3020)),  # Korean
    ((0x2460, 0x24FF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xFF00, 0xFF60)),  # Chinese, Japanese
)
# Characters that are rare in the language of the encoding, because they are only in its larger successor.
_COMMON: Final = {"gb18030": "gb2312", "cp932": "shift_jis", "cp949": "euc_kr"}
_OBSOLETE_THAI: Final = frozenset("ฃฅฆฦ๎๏๚๛")
_HANZI: Final = (0x4E00, 0x9FFF)
_FREQUENT_CYRILLIC: Final = frozenset("оеаинтсрвлкмдпуі")
_FREQUENT_SHARE: Final = 0.6  # it is about 0.8 in Russian text
_HEBREW_FINAL_INSIDE: Final = re.compile(r"[ךםןףץ](?=[א-ת])")  # Russian has such letters anywhere
_BESIDE_DIGIT: Final = re.compile(r"(?<!\w)\w(?=\d)|(?<=\d)\w(?!\w)")


def fit_of_language(text: str, encoding: str) -> float:
    """Return the share of the letters outside ASCII that belong to one language, the best one; 1 if there are none.

    Words that mix scripts (`Mьller`) lower it, and so do single letters beside a digit (`Ј10`) and characters that are
    rare in the encoding's language.
    """
    letters = Counter(letter for letter in text if letter > "\x7f")
    total = sum(letters.values())
    if not total:
        return 1.0
    symbols = sum(count for letter, count in letters.items() if letter in _SYMBOLS)
    language = max(_covered(letters, alphabet) for alphabet in _LATIN_ALPHABETS)
    latin = max(language, _REGION_WEIGHT * max(_covered(letters, region) for region in _REGIONS))
    other = max(_covered(letters, alphabet) for alphabet in _OTHER_ALPHABETS)
    script = max(_within(letters, ranges) for ranges in _RANGES)
    mixed = _mixed_words(text) if latin < max(other, script) else 0
    mixed += sum(str(inside)[1].isupper() for inside in _CAPITAL_INSIDE.findall(text))
    mixed += len(_HEBREW_FINAL_INSIDE.findall(text))
    mixed += _unusual_cyrillic(letters)
    alone: int = sum(letter > "\x7f" and letter.isalpha() for letter in _BESIDE_DIGIT.findall(text))
    rare = sum(count for letter, count in letters.items() if _is_rare(letter, encoding))
    return (max(latin, other, script) + symbols - mixed - alone / 2 - rare / 2) / total


def _covered(letters: Counter[str], alphabet: frozenset[str]) -> int:
    return sum(count for letter, count in letters.items() if letter in alphabet)


def _within(letters: Counter[str], ranges: tuple[tuple[int, int], ...]) -> int:
    return sum(count for letter, count in letters.items() if any(low <= ord(letter) <= high for low, high in ranges))


def _mixed_words(text: str) -> int:
    """Return how often a letter of ASCII stands beside a letter, or a mark above one, of another script."""
    return sum(
        1
        for left, right in itertools.pairwise(text)
        if left.isascii() != right.isascii()
        and not {left, right} & _SYMBOLS
        and (_is_letter(left) or _is_letter(right))
    )


def _is_letter(sign: str) -> bool:
    return sign.isascii() and sign.isalpha()


def _unusual_cyrillic(letters: Counter[str]) -> int:
    """Return how many more frequent letters a Cyrillic text would have, if it were not KOI8 read as cp1251."""
    cyrillic = sum(count for letter, count in letters.items() if "\u0400" <= letter <= "\u04ff")
    frequent = sum(count for letter, count in letters.items() if letter.lower() in _FREQUENT_CYRILLIC)
    return max(0, round(_FREQUENT_SHARE * cyrillic) - frequent)


def _is_rare(letter: str, encoding: str) -> bool:
    if encoding == "cp949" and _HANZI[0] <= ord(letter) <= _HANZI[1]:
        return True  # Koreans write words in Hangul
    if encoding == "big5":
        return letter.encode("big5", "ignore")[:1] > b"\xc6"
    if encoding == "cp874":
        return letter in _OBSOLETE_THAI
    common = _COMMON.get(encoding)
    if common is None or letter in _SYMBOLS:
        return False
    try:
        letter.encode(common)
    except UnicodeEncodeError:
        return True
    return "\uff61" <= letter <= "\uff9f"  # half-width katakana, which any byte from 0xa1 to 0xdf is in cp932
