"""The file of hooks: TOML of mode 0600, since it holds secrets, with a `[[hook]]` for each shop.

```toml
[[hook]]
platform = "shopify"       # or woocommerce, segment, ga4
name = "main"              # of the address: /hooks/shopify/main
secrets = ["…", "…"]       # any of them may have signed: the new and the old one
identify = "email"         # or "id", or { by = "email", key_env = "ID_KEY" }: as in a mapping file of the import
source = "shop1"           # prefix of customer ids and order ids, as `--source` of the import; absent: none

count = "paid"             # of Shopify: or "created", for orders that are paid on delivery
gift_cards = "sale"        # of Shopify: or "skip": a gift card counts when it is spent, not when it is bought

[hook.consents]            # of Segment: channel = path of a yes or no in a message
email = "context.consent.categoryPreferences.Marketing"
```
"""

from pathlib import Path
from typing import Final

from agents.importing.events.customer_ids import IdPrefixes, read_key
from agents.importing.findings import ImportRefused
from agents.importing.mapping.event_fields import CONSENT_CHANNELS
from agents.importing.mapping.mapping import Identify, Mapping
from agents.importing.mapping.mapping_reader import read_identify
from agents.importing.mapping.mapping_values import mapping_errors
from agents.serve.hooks.hook import COUNTS, GIFT_CARDS, Hook
from agents.serve.hooks.platforms.catalog import READERS
from state.config.config_errors import ConfigErrors, suggest_name
from state.config.toml_reader import Table, read_toml

PLATFORMS: Final = tuple(READERS)
MIN_SECRET: Final = 8
MAX_SECRETS: Final = 10
MAX_HOOKS: Final = 100

Hooks = dict[tuple[str, str], Hook]
"""By platform and name."""


def parse_hooks(text: str, path: Path) -> Hooks:
    """Return the hooks in the text of a file.

    Raises:
        ConfigErrors: with all errors; each names the file.
    """
    errors: list[str] = []
    try:
        file = Table(read_toml(text), errors)
    except ConfigErrors as invalid:
        raise ConfigErrors([f"{path}: {error}" for error in invalid.errors]) from None
    tables = file.tables("hook")
    if len(tables) > MAX_HOOKS:
        file.add_error("hook", f"must be given at most {MAX_HOOKS} times: got {len(tables)}")
    hooks: Hooks = {}
    for table in tables[:MAX_HOOKS]:
        hook = _read(table)
        place = hook.platform, hook.name
        if all(place) and place in hooks:
            table.add_error("name", f"must be unique among hooks of {hook.platform}: got {hook.name!r} again")
        hooks[place] = hook
    file.reject_unknown_keys()
    if errors:
        raise ConfigErrors([f"{path}: {error}" for error in errors])
    return hooks


def _read(table: Table) -> Hook:
    """Return a hook, which must not be used if there are errors."""
    platform = table.text("platform", required=True) or ""
    if platform and platform not in PLATFORMS:
        table.add_error("platform", f"{platform!r} is unknown; {suggest_name(platform, PLATFORMS)}")
    name = table.name()
    identify = read_identify(table) or Identify()
    source = table.text("source") or ""
    for error in mapping_errors(Mapping(source=source)):
        table.errors.append(f"{table.place}{error}")
    hook = Hook(
        platform,
        name,
        _secrets(table, is_required=platform != "segment"),
        identify,
        IdPrefixes(source, _key(table, identify)),
        (table.text("measurement_id") or "") if platform == "ga4" else "",
        _consents(table) if platform == "segment" else {},
        _choice(table, "count", COUNTS) if platform == "shopify" else COUNTS[0],
        _choice(table, "gift_cards", GIFT_CARDS) if platform == "shopify" else GIFT_CARDS[0],
    )
    table.reject_unknown_keys()
    return hook


def _secrets(table: Table, *, is_required: bool) -> tuple[str, ...]:
    """Return the secrets; those of Segment may be absent, since its own API has tokens."""
    value = table.get("secrets", required=is_required)
    if value is None:
        return ()
    fits = isinstance(value, list) and 0 < len(value) <= MAX_SECRETS
    if not isinstance(value, list) or not fits or not all(isinstance(each, str) and each for each in value):
        table.add_error("secrets", f"must be a list of 1 to {MAX_SECRETS} texts")  # a secret is never shown
        return ()
    if any(len(each) < MIN_SECRET for each in value):
        table.add_error("secrets", f"must have at least {MIN_SECRET} characters each: an empty one proves nothing")
    return tuple(value)


def _key(table: Table, identify: Identify) -> bytes | None:
    try:
        return read_key(identify)
    except ImportRefused as error:
        table.errors.append(f"{table.place}{error}")
        return None


def _choice(table: Table, key: str, allowed: tuple[str, ...]) -> str:
    return allowed[0] if table.get(key) is None else table.choice(key, allowed)


def _consents(table: Table) -> dict[str, str]:
    section = table.table("consents")
    if section is None:
        return {}
    found = {channel: path for channel in CONSENT_CHANNELS if (path := section.text(channel))}
    section.reject_unknown_keys()
    return found
