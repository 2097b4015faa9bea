"""The AsyncAPI 3.0 document: the topics as channels, with the JSON Schema of every event and output.

Operations are those of Goldstream: it receives events, and sends changes and messages.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final, NamedTuple

from agents.serve.documents.json_schemas import EVENT_NAMES, event_schemas, output_schemas
from state.intake.json_payload import MAX_BYTES
from state.records.reasons import RejectionReason
from streams.kafka.topics import SOURCE_NAMES, TOPIC_SPECS, TopicSpec
from streams.settings.settings import Settings

VERSION: Final = "3.0.0"
_BINDING: Final = "0.5.0"
_JSON: Final = "application/json"
_KEY: Final = {"type": "string", "description": "The customer's id, in UTF-8."}


class _Output(NamedTuple):
    """What a topic carries: the name of the message and its schema, its `ce_type`, and what `ce_id` is."""

    message: str
    schema: str
    ce_type: str
    ce_id: str
    meaning: str


_OUTPUTS: Final[Mapping[str, _Output]] = {
    "segment-changes": _Output(
        "SegmentChanged",
        "SegmentChange",
        "goldstream.segment-changed.v1",
        "`<customer_id>:<seq>`, or `<customer_id>:<seq>:erased`",
        "A customer's segment changed. A record without a value says that the customer was erased.",
    ),
    "offers": _Output("Offer", "Message", "goldstream.offer.v1", "the message's id", "An offer to be sent."),
    "reactivations": _Output(
        "Reactivation", "Message", "goldstream.reactivation.v1", "the message's id", "A reactivation to be sent."
    ),
    "suppressions": _Output(
        "Suppressed",
        "Suppression",
        "goldstream.suppression.v1",
        "`<customer_id>:<seq>:<campaign>:<attempt or 0>:<reason>`",
        "A message, or a whole campaign, was suppressed.",
    ),
    "outcomes": _Output(
        "OutcomeReported",
        "Outcome",
        "goldstream.outcome.v1",
        "`<customer_id>:<seq>:<campaign>:outcome`",
        "What a campaign brought for a customer, or for one in a group that it does not reach.",
    ),
}
_INTERNAL: Final = {
    "journal": "The only source of truth: events, ticks and rules in order. Its format is internal and may change.",
    "control": "Policies, campaigns and advances of time. Commands write it; they check what they write.",
    "customers": "The changelog of the table of customers. Its format is internal and may change.",
}


def asyncapi_document(settings: Settings) -> dict[str, Any]:
    """Return the document for the prefix and the partitions of these settings."""
    specs = {spec.name: spec for spec in TOPIC_SPECS}
    messages = _messages()
    carried = _messages_by_topic()
    channels = {name: _channel(specs[name], carried.get(name, ()), settings) for name in (*carried, *_INTERNAL)}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Goldstream",
            "version": version("goldstream"),
            "description": "Customer segments as a stream: events in, segment changes and messages out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The Kafka cluster.",
                "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "GOLDSTREAM_KAFKA"}},
            }
        },
        "channels": channels,
        "operations": {
            **{f"receive-{name}": _operation("receive", name, carried[name]) for name in SOURCE_NAMES},
            **{f"send-{name}": _operation("send", name, carried[name]) for name in (*_OUTPUTS, "daily", "rejected")},
        },
        "components": {"messages": messages, "schemas": event_schemas() | output_schemas()},
    }


def _messages_by_topic() -> dict[str, tuple[str, ...]]:
    kinds = {f"{kind}s": (name,) for kind, name in EVENT_NAMES.items()}
    return {
        **{name: kinds.get(name, ("Event",)) for name in SOURCE_NAMES},
        **{name: (each.message,) for name, each in _OUTPUTS.items()},
        "segment-changes": ("SegmentChanged", "CustomerErased"),
        "daily": ("DaySummary",),
        "rejected": ("Rejected",),
    }


def _messages() -> dict[str, Any]:
    events = {name: _event(name, f"An event of the type `{kind}`.") for kind, name in EVENT_NAMES.items()}
    outputs = {each.message: _output(each) for each in _OUTPUTS.values()}
    erased = outputs["SegmentChanged"] | {
        "name": "CustomerErased",
        "title": "Customer erased",
        "summary": "A customer was erased: a record without a value, after which compaction removes the others.",
        "payload": {"type": "null"},
    }
    return {
        **events,
        "Event": _event("Event", "An event of any type, which it names."),
        **outputs,
        "CustomerErased": erased,
        "DaySummary": {
            "name": "DaySummary",
            "title": "Day in one partition",
            "summary": "What one partition counted on one local day; replaces the earlier record with the same key.",
            "contentType": _JSON,
            "payload": _schema("DaySummary"),
            "bindings": _message_binding({"type": "string", "description": "`<day>:<partition>`"}),
        },
        "Rejected": _rejected(),
    }


def _event(name: str, summary: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": f"{summary} At most {MAX_BYTES} bytes.",
        "contentType": _JSON,
        "payload": _schema(name),
        "bindings": _message_binding(
            {"description": "Any, or none. Events of one customer with that customer's id as their key stay in order."}
        ),
    }


def _output(output: _Output) -> dict[str, Any]:
    return {
        "name": output.message,
        "title": output.message,
        "summary": output.meaning,
        "contentType": _JSON,
        "headers": _cloud_event_headers(output),
        "payload": _schema(output.schema),
        "bindings": _message_binding(_KEY),
    }


def _cloud_event_headers(output: _Output) -> dict[str, Any]:
    """Return the schema of the headers: CloudEvents 1.0 in Kafka's binary mode."""
    fields = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": f"{output.ce_id}; the same each time a record is published."},
        "ce_type": {"const": output.ce_type},
        "ce_source": {"type": "string", "pattern": "^/goldstream/", "description": "`/goldstream/<prefix>`"},
        "ce_subject": {"type": "string", "description": "The customer's id."},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": _JSON},
    }
    return {"type": "object", "required": list(fields), "properties": fields}


def _rejected() -> dict[str, Any]:
    fields = {
        "goldstream-reason": {"enum": [reason.value for reason in RejectionReason]},
        "goldstream-detail": {"type": "string", "description": "The field, what it must be, and its value."},
        "goldstream-source": {
            "type": "string",
            "description": "`topic:partition:offset`, or `hook:<platform>/<name>`.",
        },
    }
    return {
        "name": "Rejected",
        "title": "Rejected",
        "summary": "A record that is not an event, with its own key, value and headers, and three more.",
        "headers": {"type": "object", "required": list(fields), "properties": fields},
        "contentType": "application/octet-stream",
        "payload": {"description": "The bytes of the record, whatever they are."},
    }


def _channel(spec: TopicSpec, messages: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    topic = f"{settings.prefix}.{spec.name}.v1"
    channel: dict[str, Any] = {"address": topic, "bindings": {"kafka": _topic_binding(topic, spec, settings)}}
    if messages:
        channel["messages"] = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    else:
        channel["description"] = _INTERNAL[spec.name]
    return channel


def _topic_binding(topic: str, spec: TopicSpec, settings: Settings) -> dict[str, Any]:
    config: dict[str, Any] = {
        name: [value] if name == "cleanup.policy" else int(value) for name, value in spec.config.items()
    }
    binding: dict[str, Any] = {"topic": topic}
    if spec.partitions is not None:  # a source topic may have any number
        binding["partitions"] = spec.partitions or settings.partitions
    return binding | {
        "replicas": settings.replication,
        "topicConfiguration": config,
        "bindingVersion": _BINDING,
    }


def _message_binding(key: dict[str, Any]) -> dict[str, Any]:
    return {"kafka": {"key": key, "bindingVersion": _BINDING}}


def _operation(action: str, channel: str, messages: tuple[str, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
