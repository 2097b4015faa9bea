"""Why reading a delivery ends early: raised while it is read, returned to the caller as an outcome."""

from state.records.reasons import RejectionReason


class NotOurs(Exception):
    """The delivery is none of our events.

    Attributes:
        reason: one word.
        warning: what the operator should know of it; empty: nothing.
    """

    def __init__(self, reason: str, warning: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.warning = warning


class NotValid(Exception):
    """The delivery would be one of our events, but is not valid.

    Attributes:
        reason: as on the topic `rejected`.
        detail: the field and the value.
        value: the event, if it could be written; otherwise empty.
    """

    def __init__(self, reason: RejectionReason, detail: str, value: bytes = b"") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.value = value
