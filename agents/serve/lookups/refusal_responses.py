"""What a look-up cannot answer, as problems."""

from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError
from litestar import Request, Response

from agents.serve.lookups.refusals import LookupRefused, RedisAway
from agents.serve.problems import Problem, respond_to_problem, unavailable
from state.config.config_errors import ConfigErrors
from streams.errors import describe_error
from streams.kafka.control import NoControlTopic

if TYPE_CHECKING:
    from litestar.types import ExceptionHandler

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[dict[str, Any]]


def _refused(request: AnyRequest, error: LookupRefused) -> AnyResponse:
    headers = {"Retry-After": "10"} if error.kind == "diff-running" else None
    return respond_to_problem(request, Problem(error.status, error.kind, str(error), headers=headers, **error.members))


def _redis_away(request: AnyRequest, error: RedisAway) -> AnyResponse:
    return respond_to_problem(request, unavailable("redis-away", str(error), 5))


def _kafka_away(request: AnyRequest, error: Exception) -> AnyResponse:
    return respond_to_problem(request, unavailable("kafka-away", f"Kafka is away: {describe_error(error)}", 5))


def _invalid_rules(request: AnyRequest, error: ConfigErrors) -> AnyResponse:
    detail = error.errors[0] if len(error.errors) == 1 else f"{len(error.errors)} errors: {error.errors[0]}; …"
    return respond_to_problem(request, Problem(422, "policy", detail, errors=list(error.errors)))


def _no_topics(request: AnyRequest, error: NoControlTopic) -> AnyResponse:
    return respond_to_problem(request, Problem(409, "no-topics", str(error)))


REFUSALS: Final["dict[int | type[Exception], ExceptionHandler[Any]]"] = {
    LookupRefused: _refused,
    RedisAway: _redis_away,
    KafkaError: _kafka_away,
    OSError: _kafka_away,  # among them TimeoutError
    ConfigErrors: _invalid_rules,
    NoControlTopic: _no_topics,
}
