"""The scores of a policy in words: which days, orders or money a score stands for."""

from agents.languages.formats import Formats
from state.config.policy import Policy


def recency_label(policy: Policy, score: int, formats: Formats, *, short: bool = False) -> str:
    """Return what a score of recency stands for: `60–180 days since the last order`; short `60–180`."""
    edges = policy.recency_edges_text
    place = len(edges) + 1 - score  # scores fall as days rise
    if short:
        return _range(edges, place, formats)
    edge = edges[min(place, len(edges) - 1)]
    count = int(edge) if edge.isdecimal() else 2  # a part of a day is in the plural
    many = formats.texts.ngettext
    if place == 0:
        form = many(
            "less than %(days)s day since the last order", "less than %(days)s days since the last order", count
        )
    elif place == len(edges):
        form = many("%(days)s day or more since the last order", "%(days)s days or more since the last order", count)
    else:
        form = many("%(days)s day since the last order", "%(days)s days since the last order", count)
    return form % {"days": _range(edges, place, formats) if 0 < place < len(edges) else formats.number(edge)}


def frequency_label(policy: Policy, score: int, formats: Formats, *, short: bool = False) -> str:
    """Return what a score of frequency stands for: `2–4 orders`; short `2–4`."""
    edges = policy.frequency_edges
    least = edges[score - 2] if score > 1 else 0
    most = edges[score - 1] - 1 if score <= len(edges) else None
    if most is None and not short:
        return formats.texts.ngettext("%(count)s order or more", "%(count)s orders or more", least) % {
            "count": formats.number(least)
        }
    if most is None:
        text = f"{formats.number(least)}+"
    elif least == most:
        text = formats.number(least)
    else:
        text = f"{formats.number(least)}–{formats.number(most)}"
    if short:
        return text
    return formats.texts.ngettext("%(range)s order", "%(range)s orders", least if most is None else most) % {
        "range": text
    }


def monetary_label(policy: Policy, score: int, formats: Formats) -> str:
    """Return what a score of monetary stands for: `5,000–20,000 ₽`."""
    edges = policy.monetary_edges_text
    if score == 1:
        return formats.texts.gettext("less than %(amount)s") % {"amount": formats.money(edges[0], policy.currency)}
    if score > len(edges):
        return formats.texts.gettext("%(amount)s or more") % {"amount": formats.money(edges[-1], policy.currency)}
    return formats.money_range(edges[score - 2], edges[score - 1], policy.currency)


def _range(edges: tuple[str, ...], place: int, formats: Formats) -> str:
    """Return the range at a place between thresholds: `<60`, `60–180`, `180+`."""
    if place == 0:
        return f"<{formats.number(edges[0])}"
    if place == len(edges):
        return f"{formats.number(edges[-1])}+"
    return f"{formats.number(edges[place - 1])}–{formats.number(edges[place])}"
