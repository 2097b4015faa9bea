"""Read yes and no as people and programs write them."""

from typing import Final

_YES: Final = frozenset({
    "1", "true", "t", "yes", "y", "on", "x", "✓", "✔", "✅", "☑", "да", "д", "истина", "так", "иә", "ja", "j", "wahr",
    "oui", "vrai", "sí", "si", "sì", "sim", "verdadeiro", "vero", "verdadero", "tak", "prawda", "ano", "áno",
    "pravda", "igen", "da", "evet", "kyllä", "jah", "jā", "taip", "ναι", "はい", "是", "예", "有",
})  # fmt: skip
_NO: Final = frozenset({
    "0", "false", "f", "no", "n", "off", "✗", "✘", "❌", "☐", "нет", "н", "ложь", "ні", "жоқ", "nein", "falsch", "non",
    "faux", "não", "nao", "falso", "nee", "nie", "fałsz", "ne", "nepravda", "nem", "nu", "hayır", "hayir", "nej", "nei",
    "ei", "nē", "όχι", "いいえ", "否", "아니오", "无",
})  # fmt: skip
_LONGEST: Final = 20


def read_flag(text: str) -> bool | None:
    """Return yes or no as a boolean; None if the text is neither.

    Args:
        text: Such as `yes`, `TRUE`, `1`, `Да`, `oui`; case and surrounding spaces do not matter.
    """
    word = text.strip().lower() if len(text) <= _LONGEST else ""
    if word in ("1.0", "0.0"):
        return word == "1.0"
    return True if word in _YES else False if word in _NO else None
