"""Descriptions of errors in log lines."""

import socket

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

from streams.errors import describe_error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\n  second"), "ValueError: first second"),
        (TimeoutError(), "TimeoutError"),
        (NodeNotReadyError(), "NodeNotReadyError"),
        (
            KafkaConnectionError(f"Unable to bootstrap from {[('127.0.0.1', 9092, socket.AF_INET)]}"),
            "KafkaConnectionError: Unable to bootstrap from [127.0.0.1:9092]",
        ),
        (KafkaConnectionError(f"of {('::1', 9092, socket.AF_INET6)}"), "KafkaConnectionError: of ::1:9092"),
    ],
)
def test_an_error_is_described_by_type_and_message_in_one_line(error: Exception, line: str) -> None:
    assert describe_error(error) == line
