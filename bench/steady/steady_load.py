"""Publish purchases at a steady rate, one by one without linger, and read the changes that follow from them.

    python -m bench.steady.steady_load PLAN.json

A process of its own, in the peers' environment: librdkafka leaves the measured programs more processor time than
aiokafka would. SIGTERM ends the publishing early. Moments are those of `time.perf_counter`, which all processes of a
machine share.
"""

import json
import signal
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.steady.steady_plan import SteadyPlan, SteadyResult
from bench.steady.steady_purchases import event_id_marker, number_in, steady_purchases, value_of

_BATCH: Final = 1000
_POLL_S: Final = 0.1
_TIMEOUT_S: Final = 30.0


class Reader(threading.Thread):
    """Reads both topics from their present ends, and notes when it has what."""

    def __init__(self, plan: SteadyPlan, result: SteadyResult) -> None:
        super().__init__(daemon=True)
        self.finished = threading.Event()
        self.error: Exception | None = None
        self._plan = plan
        self._result = result
        self._values: dict[int, bytes] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": plan.kafka,
                "group.id": f"{plan.name}-reader",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
            }
        )
        self._consumer.assign([each for topic in (plan.source, plan.changes) for each in self._ends(topic)])

    def _ends(self, topic: str) -> list[Any]:
        numbers = self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
        ends = []
        for number in numbers:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_S)
            ends.append(TopicPartition(topic, number, end))
        return ends

    def run(self) -> None:
        """Read until `finished` is set; an error is kept in `error`."""
        try:
            while not self.finished.is_set():
                if (message := self._consumer.poll(_POLL_S)) is not None:
                    messages = [message, *self._consumer.consume(_BATCH, 0)]
                    self._note(messages, time.perf_counter())
            self._consumer.close()
        except Exception as error:  # noqa: BLE001 - the main thread reports it
            self.error = error

    def _note(self, messages: list[Any], now_s: float) -> None:
        marker, result = event_id_marker(self._plan.name), self._result
        for message in messages:
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            value = message.value()
            number = number_in(value, marker)
            if number is None:
                continue
            if message.topic() == self._plan.source:
                result.purchase_read_s[number] = now_s
            elif number not in result.change_read_s:
                result.change_read_s[number], self._values[number] = now_s, value
            elif value == self._values[number]:
                result.repeated.append(number)
            else:
                result.contradicted.append(number)


def run(plan: SteadyPlan) -> SteadyResult:
    """Publish from `begin_s` on, and wait until every expected change was read, within the timeout.

    Raises:
        RuntimeError: it was not ready in time, or a topic could not be read.
    """
    result, stopped = SteadyResult(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    producer = Producer(
        {
            "bootstrap.servers": plan.kafka,
            "linger.ms": 0,
            "acks": "all",
            "delivery.report.only.error": True,
            "on_delivery": lambda error, _: result.undelivered.append(str(error)),
        }
    )
    producer.list_topics(plan.source, timeout=_TIMEOUT_S)
    reader = Reader(plan, result)
    reader.start()
    if time.perf_counter() > plan.begin_s:
        message = "not connected in time: the machine is too busy"
        raise RuntimeError(message)
    for purchase in steady_purchases(plan.name, plan.rate):
        due_s = plan.begin_s + purchase.number / plan.rate
        if stopped.is_set() or due_s >= plan.begin_s + plan.seconds:
            break
        while (early_s := due_s - time.perf_counter()) > 0 and not stopped.is_set():
            time.sleep(min(early_s, _POLL_S))
        if purchase.is_changing:
            result.changing.append(purchase.number)
        value = value_of(purchase, plan.name, _now(), plan.kind)
        result.published_s.append(time.perf_counter())
        producer.produce(plan.source, value, purchase.customer_id.encode())
        producer.poll(0)
    producer.flush(_TIMEOUT_S)
    deadline_s = time.perf_counter() + plan.changes_timeout_s
    while (
        len(result.change_read_s) < len(result.changing) and time.perf_counter() < deadline_s and reader.error is None
    ):
        time.sleep(_POLL_S)
    reader.finished.set()
    reader.join()
    if reader.error is not None:
        raise RuntimeError from reader.error
    return result


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def main() -> None:
    """Run the plan in the file that the command line names, and write the result."""
    plan = SteadyPlan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    partial = Path(f"{plan.result}.partial")
    partial.write_text(json.dumps(asdict(run(plan))), encoding="utf-8")
    partial.rename(plan.result)


if __name__ == "__main__":
    main()
