"""Counts with their nouns, in English."""


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count and its noun: `1 customer`, `1,204 customers`; the plural has an `s` unless it is given."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
