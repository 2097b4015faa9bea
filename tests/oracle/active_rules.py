"""The rules that a customer is evaluated by, and where outputs and counts go."""

from dataclasses import dataclass

from tests.oracle.campaigns.campaigns_file import Campaigns
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
    """The active policy and campaigns, and the result that collects outputs and counts."""

    policy: Policy
    campaigns: Campaigns | None
    result: Result

    def publish_change(self, change: JsonObject) -> None:
        """Publish a change on ``segment-changes``."""
        headers = change_headers(change, self.result.prefix)
        self.result.outputs.append(Output(CHANGES, change["customer_id"], change, headers))

    def publish_message(self, topic: str, message: JsonObject) -> None:
        """Publish a message on its campaign's topic."""
        headers = message_headers(message, topic, self.result.prefix)
        self.result.outputs.append(Output(topic, message["customer_id"], message, headers))

    def publish_suppression(self, suppression: JsonObject, cause_id: str) -> None:
        """Publish a suppression on ``suppressions``."""
        headers = suppression_headers(suppression, cause_id, self.result.prefix)
        self.result.outputs.append(Output(SUPPRESSIONS, suppression["customer_id"], suppression, headers))

    def publish_outcome(self, outcome: JsonObject, cause_id: str) -> None:
        """Publish an outcome on ``outcomes``."""
        headers = outcome_headers(outcome, cause_id, self.result.prefix)
        self.result.outputs.append(Output(OUTCOMES, outcome["customer_id"], outcome, headers))
