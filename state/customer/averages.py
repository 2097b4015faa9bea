"""What a customer is like on average: their check, and how far discounts make them buy."""

from fractions import Fraction

from state.customer.profile import Profile


def average_check(profile: Profile) -> int:
    """Lifetime net revenue by lifetime orders, in minor units, half to even; 0 without orders."""
    orders = profile.lifetime_orders
    if orders <= 0:
        return 0
    whole, rest = divmod(profile.lifetime_net, orders)
    return whole + (1 if 2 * rest > orders or (2 * rest == orders and whole % 2) else 0)


def discount_share(profile: Profile) -> float:
    """0.2 x discounted orders / orders + 0.8 x discounts / (net + discounts), to four digits, half to even."""
    if not profile.discounts and not profile.discounted_orders:
        return 0.0
    share = Fraction(0)
    if profile.lifetime_orders > 0:
        share += Fraction(2 * profile.discounted_orders, 10 * profile.lifetime_orders)
    if profile.lifetime_net + profile.discounts > 0:
        share += Fraction(8 * profile.discounts, 10 * (profile.lifetime_net + profile.discounts))
    return float(round(share, 4))
