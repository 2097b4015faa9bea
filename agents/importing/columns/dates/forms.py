"""The forms of dates and times, as regular expressions whose groups are the parts of a moment."""

import re
from typing import Final

_WORD: Final = r"[^\W\d_]+"
_YEAR: Final = r"(?P<year>[0-9]{4})"
_ANY_YEAR: Final = r"'?(?P<year>[0-9]{4}|[0-9]{2})"
_DAY: Final = r"(?P<day>[0-9]{1,2})"
_MONTH: Final = r"(?P<month>[0-9]{1,2})"
_MONTH_AND_DAY: Final = r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
_NAME: Final = rf"(?P<name>{_WORD})\.?"
_ORDINAL: Final = r"(?:st|nd|rd|th|er|º|ª|\.º|\.)?"
_OF: Final = r"(?:(?:de|del|of|di) )?"
_YEAR_WORD: Final = r"(?: ?(?:г|год|года|р|рік|року|ж|жылы|թ|y|j|r|roku|m|gada)\b\.?)?"
_HALVES: Final = "(?:上午|下午|午前|午後|오전|오후)"
_CLOCK: Final = (
    rf"(?P<clock>(?P<before>{_HALVES})? ?"
    r"(?P<hour>[0-9]{1,2})(?::|\.| ?h ?|時|点|시 ?)(?P<minute>[0-9]{2}|(?<=[時点시])[0-9]|(?<=시 )[0-9])"
    r"(?:(?::|\.|分|분 ?)(?P<second>[0-9]{2}|(?<=[分분])[0-9]|(?<=분 )[0-9]))?)"
    r"(?:[.,:](?P<fraction>[0-9]{1,12}))?[分분秒초]?"
)
_AT: Final = r"(?:at|um|kl|klo|в|о|à|a las|às|alle|ore|om|o|ob|u|saat)\b"
_JOIN: Final = rf"(?:[Tt_]|[ ,;]+(?:(?:{_AT}|[-@])\.? *)?|(?<=日)|(?<=일)|(?<=[0-9]{{4}}):)"
_ARTICLE: Final = r"(?:den|le|el|il|the)\b"
_WEEKDAY: Final = rf"(?:(?P<weekday>{_WORD}(?:[-'’ .](?!{_ARTICLE}){_WORD})?)\.?,? +(?:{_ARTICLE} )?)?"
_WEEKDAY_BEHIND: Final = (
    rf"(?: ?[(（]{_WORD}\.?[)）]"
    rf"|,? +(?!{_AT}|{_HALVES})(?P<behind>{_WORD}(?:-{_WORD})?)\.?(?=$|,? +[0-9]))?"
)
_TAIL: Final = r"(?P<tail>[^0-9].*)?"
_HALF_BEHIND: Final = r"(?P<half> ?[^\W\d_]\.? ?[^\W\d_]\.?)?"
_DATES: Final = (
    rf"{_YEAR}(?P<separator>[-/.]){_MONTH}(?P=separator){_DAY}",
    rf"{_YEAR}\. ?{_MONTH}\. ?{_DAY}\.?",
    rf"{_YEAR}[年년] ?{_MONTH}[月월] ?{_DAY}[日일号]",
    (
        rf"(?P<first>[0-9]{{1,2}})(?P<separator>[-/.]|\. )(?P<middle>[0-9]{{1,2}})(?P=separator)"
        rf"(?P<last>[0-9]{{4}}|[0-9]{{2}}|(?<= )[0-9])\.?{_YEAR_WORD}"
    ),
    rf"{_YEAR}{_MONTH_AND_DAY}",
    rf"{_DAY}{_ORDINAL}[-/. ]*{_OF}{_NAME},?[-/., ]*{_OF}{_ANY_YEAR}\.?{_YEAR_WORD}",
    rf"{_NAME}[-/. ]*{_DAY}{_ORDINAL},?[-/, ]+{_ANY_YEAR}",
    rf"{_YEAR}{_YEAR_WORD}[-/., ]*{_NAME}[-/. ]*{_DAY}(?: ?d)?\.?",
    rf"{_YEAR}\.?(?: gada|[- ]ж\.| жылғы),? {_DAY}[.-]? ?{_NAME}",
)

MOMENT_FORMS: Final = (
    *(re.compile(rf"{_WEEKDAY}{date}{_WEEKDAY_BEHIND}(?:{_JOIN}{_CLOCK})?{_TAIL}") for date in _DATES),
    *(re.compile(rf"{_CLOCK}{_HALF_BEHIND}[ ,]+{_WEEKDAY}{date}{_WEEKDAY_BEHIND}{_TAIL}") for date in _DATES),
    re.compile(rf"{_WEEKDAY}{_NAME} +{_DAY} +{_CLOCK}(?: +(?P<zone>[A-Z]{{3,5}}))? +{_YEAR}(?P<tail>)"),
    re.compile(
        rf"{_YEAR}{_MONTH_AND_DAY}[Tt ]?(?P<clock>(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}})"
        rf"(?P<second>[0-9]{{2}})?)(?:\.(?P<fraction>[0-9]{{1,12}}))?{_TAIL}"
    ),
)
"""Groups: year, month or name, day; or first, middle and last, with the separator. clock with hour, minute, second;
fraction; before and half (AM, PM); zone; weekday; tail, which is what follows."""

TIME_OF_DAY: Final = re.compile(_CLOCK + _TAIL)
AMOUNT: Final = re.compile(r"[0-9]+\.[0-9]+")
BARE_NUMBER: Final = re.compile(r"-?[0-9]+(?:[.,][0-9]*)?")
HALF_OF_DAY: Final = re.compile(rf" *({_WORD}(?:\. ?{_WORD})?\.?)")
OFFSET: Final = re.compile(
    r"(?:UTC|GMT)? ?[+-][0-9]{2}(?::?[0-9]{2})?|(?:UTC|GMT) ?[+-][0-9]{1,2}(?::?[0-9]{2})?", re.IGNORECASE
)
