"""The table of a journal partition: its customers' profiles, and the changelog from which it is recovered."""

from collections.abc import Iterable, Iterator

from state.profile import NEVER, Head, Profile, decode_head, decode_profile, encode_profile, peek_due


class CustomersTable:
    """The profiles of one partition's customers, as bytes; those that were touched since the last flush, as objects.

    A profile is decoded when it is touched and encoded once a flush, however many events it took in between. Bytes
    cost a fifth of the memory of objects, and nothing at all in the garbage collector.
    """

    def __init__(self) -> None:
        """An empty table."""
        self._kept: dict[str, bytes] = {}
        self._touched: dict[str, Profile] = {}
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        """How many customers are known."""
        return len(self._kept) + sum(1 for each in self._touched if each not in self._kept)

    def get(self, customer_id: str) -> Profile | None:
        """The customer's profile, None if they are not known."""
        profile = self._touched.get(customer_id)
        if profile is None:
            value = self._kept.get(customer_id)
            if value is None:
                return None
            profile = self._touched[customer_id] = decode_profile(value)
        return profile

    def put(self, customer_id: str, profile: Profile) -> None:
        """Keeps the profile; the next flush writes it to the changelog."""
        self._touched[customer_id] = profile
        self._dirty.add(customer_id)

    def remove(self, customer_id: str) -> None:
        """Lets the customer go; the next flush writes a tombstone."""
        self._touched.pop(customer_id, None)
        self._kept.pop(customer_id, None)
        self._dirty.add(customer_id)

    def ids(self) -> Iterable[str]:
        """Everyone who is known."""
        return list(self._kept) + [each for each in self._touched if each not in self._kept]

    def heads(self) -> Iterator[tuple[str, Head]]:
        """Everyone with their due moment and segment, as recovered: to be asked for before anyone is touched."""
        for customer_id, value in self._kept.items():
            yield customer_id, decode_head(value)

    def due(self, customer_id: str) -> int:
        """When the customer next needs judging; `NEVER` for one who is not known."""
        profile = self._touched.get(customer_id)
        if profile is not None:
            return profile.due
        value = self._kept.get(customer_id)
        return NEVER if value is None else peek_due(value)

    def restore(self, customer_id: str, value: bytes | None) -> None:
        """Takes a record of the changelog; None is a tombstone."""
        if value is None:
            self._kept.pop(customer_id, None)
        else:
            self._kept[customer_id] = value

    def flush(self) -> Iterator[tuple[str, bytes | None]]:
        """What the changelog is to be told; afterwards everything is bytes and clean again."""
        kept, touched = self._kept, self._touched
        for customer_id in self._dirty:
            profile = touched.get(customer_id)
            if profile is None:
                yield customer_id, None
            else:
                value = kept[customer_id] = encode_profile(profile)
                yield customer_id, value
        self._dirty = set()
        self._touched = {}
