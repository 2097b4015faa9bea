"""The labels of sums in tables, such as `Total` or `Итого за май`, in the languages of our users."""

import re
from typing import Final

TOTAL_WORDS: Final = (
    "итого|итог|всего|общий итог|промежуточный итог|итоговая сумма|общая сумма|разом|усього|всього|барлығы|общо|"
    "среднее|средний чек|average|mean|durchschnitt|moyenne|promedio|"
    "total|totals|grand total|sub-?total|sub total|sum|overall|"
    "summe|gesamt|gesamtsumme|gesamtbetrag|zwischensumme|insgesamt|somme|total général|sous-total|total general|"
    "suma|suma total|totale|totali|totaal|soma|razem|suma końcowa|łącznie|ogółem|celkem|součet|spolu|ukupno|skupaj|"
    "összesen|yhteensä|summa|i alt|totalt|kokku|kopā|iš viso|toplam|genel toplam|ara toplam|σύνολο|tổng|tổng cộng|"
    '合计|总计|小计|合計|総計|小計|總計|합계|총계|소계|المجموع|الإجمالي|סה"כ|รวม'
)
_LABEL: Final = re.compile(
    rf"(?:{TOTAL_WORDS})\s*(?:[:：(=–—-].*|(?:за|по|на|от|for|of|per|by|von|für|pour|de|del|da|za|na|w|ze)\s.*)?",
    re.IGNORECASE,
)
BEGINS_LIKE_LABEL: Final = re.compile(rf"(?:{TOTAL_WORDS})\b.*", re.IGNORECASE)


def is_total_label(text: str) -> bool:
    """Return whether a text is the label of a sum."""
    return _LABEL.fullmatch(text) is not None
