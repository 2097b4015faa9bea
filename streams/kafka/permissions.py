"""What Kafka allows this user to do with topics and groups, asked without doing it.

Brokers report it since Kafka 2.3. aiokafka has no version of the request for metadata with it, and reads the answer
about groups by the schema of an earlier version.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

_OPERATIONS: Final = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
"""Operations on topics and groups, with their numbers in Kafka's protocol."""
_NOT_REPORTED: Final = -(1 << 31)


class MissingRight(NamedTuple):
    """Operations that this user may not do with a topic or a group."""

    kind: str
    name: str
    operations: tuple[str, ...]


async def missing_rights(
    admin: AIOKafkaAdminClient, topics: Mapping[str, Collection[str]], groups: Mapping[str, Collection[str]]
) -> list[MissingRight]:
    """Return what is needed and this user may not do; a topic that does not exist is left out.

    Args:
        admin: a started client.
        topics: the operations that are needed on each, such as Read.
        groups: the same.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    answer: Any = await admin._client.send(  # noqa: SLF001 - aiokafka has no public way, and is pinned
        admin._client.get_random_node(),  # noqa: SLF001
        _TopicRightsRequest(topics),
    )
    missing = []
    order = list(topics)
    for error, name, _, _, allowed in sorted(answer.topics, key=lambda topic: order.index(topic[1])):
        if error == TopicAuthorizationFailedError.errno:
            missing.append(MissingRight("topic", name, tuple(topics[name])))
        elif not error:
            missing.append(MissingRight("topic", name, _not_allowed(allowed, topics[name])))
    for name, needed in groups.items():
        missing.append(MissingRight("group", name, await _missing_group_rights(admin, name, needed)))
    return [each for each in missing if each.operations]


async def _missing_group_rights(admin: AIOKafkaAdminClient, name: str, needed: Collection[str]) -> tuple[str, ...]:
    try:
        coordinator = await admin.find_coordinator(name)
    except GroupAuthorizationFailedError:
        return tuple(needed)
    answer: Any = await admin._client.send(coordinator, _GroupRightsRequest(name))  # noqa: SLF001
    (group,) = answer.groups
    error = group[0]
    if error == GroupAuthorizationFailedError.errno:
        return tuple(needed)
    if error:
        raise for_code(error)(f"about group {name}")
    return _not_allowed(group[-1], needed)


def _not_allowed(allowed: int, needed: Collection[str]) -> tuple[str, ...]:
    """Return the needed operations that the bits of the allowed ones lack; none if the broker reports no bits."""
    if allowed == _NOT_REPORTED:
        return ()
    return tuple(name for name in needed if not allowed >> _OPERATIONS[name] & 1)


class _TopicRightsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8")))),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _TopicRightsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _TopicRightsResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicRightsRequest(Request[_TopicRightsStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[_TopicRightsStruct]) -> _TopicRightsStruct:
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003 - fields in the protocol's order


class _GroupRightsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = DescribeGroupsRequest_v3.SCHEMA


class _GroupRightsRequest(Request[_GroupRightsStruct]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupRightsStruct]) -> _GroupRightsStruct:
        return request_struct_class([self._group], True)  # noqa: FBT003 - fields in the protocol's order
