"""The file of hooks: what it says, and all of its errors at once."""

from pathlib import Path

import pytest

from agents.serve.hooks.hook_file import parse_hooks
from state.config.config_errors import ConfigErrors

PATH = Path("hooks.toml")


def test_a_file_names_platforms_names_secrets_and_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TEST_KEY", "0123456789abcdef")
    hooks = parse_hooks(
        """
        [[hook]]
        platform = "shopify"
        name = "main"
        secrets = ["new-secret", "old-secret"]
        source = "shop1"
        count = "created"
        gift_cards = "skip"

        [[hook]]
        platform = "segment"
        name = "main"
        identify = { by = "id", key_env = "HOOK_TEST_KEY" }
        consents = { email = "traits.newsletter" }

        [[hook]]
        platform = "ga4"
        name = "web"
        secrets = ["api-secret"]
        measurement_id = "G-1"
        """,
        PATH,
    )
    shopify = hooks["shopify", "main"]
    assert (shopify.secrets, shopify.prefixes.customer("a"), shopify.route) == (
        ("new-secret", "old-secret"),
        "shop1:a",
        "hook:shopify/main",
    )
    assert (shopify.count, shopify.gift_cards) == ("created", "skip")
    segment = hooks["segment", "main"]
    assert (segment.count, segment.gift_cards) == ("paid", "sale")
    assert (segment.identify.by, segment.prefixes.key, segment.consents) == (
        "id",
        b"0123456789abcdef",
        {"email": "traits.newsletter"},
    )
    assert hooks["ga4", "web"].measurement_id == "G-1"


def test_all_errors_are_reported_at_once_and_show_no_secret() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse_hooks(
            """
            [[hook]]
            platform = "shopfy"
            name = "Main"
            secrets = ["tiny"]

            [[hook]]
            platform = "woocommerce"
            name = "main"
            identfy = "email"
            source = "a:b"

            [[hook]]
            platform = "shopify"
            name = "cards"
            secrets = ["secret-of-cards"]
            gift_cards = "no"

            [[hook]]
            platform = "ga4"
            name = "web"
            count = "created"
            secrets = "secret-of-ga4"

            [[hook]]
            platform = "ga4"
            name = "web"
            secrets = ["secret-of-ga4"]
            identify = "phone"
            """,
            PATH,
        )
    text = str(caught.value)
    assert all(line.startswith("hooks.toml: hook ") for line in text.splitlines())
    for part in (
        "did you mean shopify?",
        "name must be 1 to 64 of a-z",
        "secrets must have at least 8 characters",
        "secrets is missing",
        "identfy is unknown; did you mean identify?",
        "source must be a name of at most 32 characters",
        "secrets must be a list of 1 to 10 texts",
        "must be unique among hooks of ga4",
        "identify must be email or id",
        "gift_cards must be sale or skip",
        "count is unknown",
    ):
        assert part in text, part
    assert "secret-of-ga4" not in text
    assert "tiny" not in text


def test_a_file_that_is_no_toml_is_one_error() -> None:
    with pytest.raises(ConfigErrors, match=r"hooks\.toml: the file is not TOML"):
        parse_hooks("[[hook", PATH)
