"""The files of a new installation: the built-in ones with the answers in place of the defaults."""

import re
from decimal import Decimal
from typing import Any, Final

from streams.defaults import Language, campaigns_text, policy_text, settings_text

SETTINGS_FILE: Final = "goldstream.toml"
POLICY_FILE: Final = "policy.toml"
CAMPAIGNS_FILE: Final = "campaigns.toml"

_TITLES: Final[dict[Language, tuple[str, str]]] = {
    "en": ("# The policy: thresholds and segments.", "# The campaigns, for the segments of policy.toml."),
    "ru": ("# Политика: пороги и сегменты.", "# Кампании для сегментов из policy.toml."),
}
"""The first lines of the policy and of the campaigns."""
_BUILT_IN_ORDER: Final = Decimal(2500)
_BUILT_IN_EDGES: Final = (Decimal(5000), Decimal(20000))


def write_files(answers: dict[str, Any], language: Language) -> dict[str, str]:
    """Return the text of each file by its name.

    Args:
        answers: of all questions.
        language: of the comments.
    """
    policy = write_policy(answers, language)
    campaigns = campaigns_text(language)
    campaigns = _TITLES[language][1] + campaigns[campaigns.index("\n") :]
    for key, value in (("name", answers["name"]), ("version", "1"), ("timezone", answers["timezone"])):
        campaigns = _set(campaigns, key, value)
    settings = settings_text(language)
    for key in ("kafka", "prefix", "partitions", "replication"):
        settings = _set(settings, key, str(answers[key]))
    if answers["redis"]:
        settings = _set(settings, "redis", answers["redis"])
    return {SETTINGS_FILE: settings, POLICY_FILE: policy, CAMPAIGNS_FILE: campaigns}


def write_policy(answers: dict[str, Any], language: Language) -> str:
    """Return the text of the policy file.

    Args:
        answers: to the questions `name`, `currency`, `timezone`, `window_days` and `typical_order`.
        language: of the comments.
    """
    policy = policy_text(language)
    for key in ("name", "currency", "timezone", "window_days"):
        policy = _set(policy, key, answers[key])
    policy = policy.replace("edges = [5000, 20000]", f"edges = [{', '.join(_edges(answers['typical_order']))}]")
    return _TITLES[language][0] + policy[policy.index("\n") :]


def _edges(typical_order: str) -> list[str]:
    """Return thresholds of monetary that suit a typical order as the built-in ones suit one of 2,500 roubles."""
    scaled = (edge * Decimal(typical_order) / _BUILT_IN_ORDER for edge in _BUILT_IN_EDGES)
    return [format(edge.normalize(), "f") for edge in scaled]


def _set(text: str, key: str, value: str) -> str:
    """Set the first line of a key, also one that is commented out; a comment behind the value stays in its column."""

    def line(match: "re.Match[str]") -> str:
        old, gap, comment = match[2], match[3], match[4]
        new = f'"{value}"' if old.startswith('"') else value
        begun = len(match[1]) + len(old) + len(gap) - len(key) - len(" = ")
        return (
            f"{key} = {new}".ljust(len(key) + len(" = ") + begun - 1) + " " + comment if comment else f"{key} = {new}"
        )

    return re.sub(rf'^((?:# )?{key} = )("[^"\n]*"|[^\s#"]+)([ ]*)(#.*)?$', line, text, count=1, flags=re.MULTILINE)
