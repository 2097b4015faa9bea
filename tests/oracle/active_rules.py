"""The desk at which a customer is judged: what is in force, and where outputs and counts go."""

from dataclasses import dataclass

from tests.oracle.campaigns import Campaigns
from tests.oracle.outputs import (
    CHANGES,
    OUTCOMES,
    SUPPRESSIONS,
    JsonObject,
    Output,
    change_headers,
    message_headers,
    outcome_headers,
    suppression_headers,
)
from tests.oracle.policy import Policy
from tests.oracle.result import Result


@dataclass(frozen=True)
class ActiveRules:
    """What is in force at a moment, and where outputs and counts go."""

    policy: Policy
    campaigns: Campaigns | None
    result: Result

    def publish_change(self, change: JsonObject) -> None:
        """Put a change on ``segment-changes``."""
        headers = change_headers(change, self.result.prefix)
        self.result.outputs.append(Output(CHANGES, change["customer_id"], change, headers))

    def publish_message(self, topic: str, message: JsonObject) -> None:
        """Put a message on its campaign's topic."""
        headers = message_headers(message, topic, self.result.prefix)
        self.result.outputs.append(Output(topic, message["customer_id"], message, headers))

    def publish_suppression(self, suppression: JsonObject, occasion_id: str) -> None:
        """Put a suppression on ``suppressions``."""
        headers = suppression_headers(suppression, occasion_id, self.result.prefix)
        self.result.outputs.append(Output(SUPPRESSIONS, suppression["customer_id"], suppression, headers))

    def publish_outcome(self, outcome: JsonObject, occasion_id: str) -> None:
        """Put an outcome on ``outcomes``."""
        headers = outcome_headers(outcome, occasion_id, self.result.prefix)
        self.result.outputs.append(Output(OUTCOMES, outcome["customer_id"], outcome, headers))
