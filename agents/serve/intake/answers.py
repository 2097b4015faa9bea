"""What the intake answers."""

from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import Response
from litestar.enums import MediaType

from agents.serve.intake.checking import Checked, Refusal
from agents.serve.intake.intake import Acceptance, NoPolicyError
from agents.serve.intake.publishing.event_publisher import NoRoomError, NotPublishedError
from agents.serve.problems import Problem, unavailable

RETRY_AFTER_S: Final = 5


class Accepted(msgspec.Struct):
    """All events are accepted; `accepted` is their number."""

    accepted: int


class PartlyAccepted(msgspec.Struct):
    """Some events are accepted, and others refused; `results` has the refused ones."""

    accepted: int
    rejected: int
    results: Sequence[Refusal]


def respond(checked: Checked, acceptance: Acceptance) -> Response[Accepted | PartlyAccepted]:
    """Return the response for events of which at least one is admissible, or that are none at all.

    Raises:
        Problem: all are refused.
    """
    accepted, refused = len(checked.admissible), checked.refused
    status = 200 if acceptance is Acceptance.PUBLISHED else 202
    if not refused:
        return Response(Accepted(accepted), status_code=status, media_type=MediaType.JSON)
    if not accepted:
        first = refused[0]
        raise Problem(
            422,
            "all-refused",
            f"no event is admissible; event {first.index}: {first.reason}: {first.detail}",
            accepted=0,
            rejected=len(refused),
            results=refused,
        )
    body = PartlyAccepted(accepted, len(refused), refused)
    return Response(body, status_code=207 if status == 200 else status, media_type=MediaType.JSON)


def not_published(error: NotPublishedError) -> Problem:
    """Return the problem of events that are not known to be published."""
    kind = "too-much-waiting" if isinstance(error, NoRoomError) else "not-acknowledged"
    detail = f"{error}; the outcome of the events is unknown: send the same request again, with the same ids"
    return unavailable(kind, detail, RETRY_AFTER_S)


def no_policy(error: NoPolicyError) -> Problem:
    """Return the problem that nothing can be checked."""
    return unavailable("no-policy", f"events cannot be checked yet, and nothing was published: {error}", RETRY_AFTER_S)
