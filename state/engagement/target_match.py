"""Whether a customer is one of those whom a campaign asks for."""

from state.config.ruleset import Ruleset
from state.config.targeting import Targeting
from state.customer.contact_profile import signup_fact
from state.customer.profile import Profile
from state.customer.referrals import referrals_until
from state.customer.traits import is_difficult, is_discount_seeker, most_frequent


def matches_target(where: Targeting | None, profile: Profile, rules: Ruleset, before: int) -> bool:
    """Whether the customer is one of those who are asked for; of referrals those count that came before a moment."""
    if where is None:
        return True
    return (
        all(_flag(profile, name, rules) is wanted for name, wanted in where.flags)
        and all(_number(profile, name, before) >= least for name, least in where.minimums)
        and all(_number(profile, name, before) <= most for name, most in where.maximums)
        and all(_text(profile, name) in wanted for name, wanted in where.one_of)
    )


def _flag(profile: Profile, name: str, rules: Ruleset) -> bool:
    return is_discount_seeker(profile, rules.policy) if name == "discount_seeker" else is_difficult(profile)


def _number(profile: Profile, name: str, before: int) -> int:
    if name.startswith("lifetime_orders"):
        return profile.lifetime_orders
    return referrals_until(profile, before)


def _text(profile: Profile, name: str) -> str | None:
    if name == "favourite_store":
        return most_frequent(profile.stores)
    if name == "favourite_channel":
        return most_frequent(profile.channels)
    return signup_fact(profile, name)
