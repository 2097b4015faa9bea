"""The worker: the stages in the order of the data flow, each in a process of its own.

sources ─► admit ─► journal ─► segment ═ customers ─► segment-changes, offers, reactivations, suppressions
             ▲                     │
control ─► time and rules      changelog ─► project ─► Redis
"""

import logging

from agents.worker.http_server import bind_http
from agents.worker.processes.event_loop import FAILED, run_loop
from agents.worker.processes.supervisor import Supervisor
from agents.worker.rules_watch import ConfiguredRules
from agents.worker.stage.single_stage import work_alone
from streams.clock import SYSTEM_CLOCK
from streams.errors import FatalError
from streams.settings.rules_files import configured_campaigns, configured_policy
from streams.settings.settings import Settings

log = logging.getLogger(__name__)


def run_worker(settings: Settings, only: str | None = None) -> int:
    """Run a worker until SIGTERM or SIGINT, and return its exit status.

    Args:
        settings: valid ones.
        only: run this stage alone (`admit`, `segment` or `project`), in this process; by default a supervisor of all.

    Raises:
        ConfigErrors: the configured policy or campaigns are invalid.
        TopicsError: a topic cannot be created, or has another number of partitions or cleanup policy.
        OSError: the data folder cannot be used.
    """
    policy = configured_policy(settings)
    rules = ConfiguredRules(policy, configured_campaigns(settings, policy))
    try:
        status = _run(settings, rules, only)
    except FatalError as error:
        log.error("%s", error)  # noqa: TRY400 - one line; a traceback would not help an operator
        return FAILED
    if status == 0:
        log.info("goldstream worker: stopped")
    return status


def _run(settings: Settings, rules: ConfiguredRules, only: str | None) -> int:
    sockets = bind_http(settings.http_address)
    log.info(
        "goldstream worker: stages %s, Kafka %s, Redis %s, prefix %s, time %s, policy %s, campaigns %s, http %s:%d",
        only or "all", settings.kafka, settings.redis_masked, settings.prefix, settings.time,
        rules.policy.ref, rules.campaigns.ref, settings.http_address[0], sockets[0].getsockname()[1],
    )  # fmt: skip
    if only is None:
        return Supervisor(settings, rules, sockets, SYSTEM_CLOCK).run()
    return run_loop(settings, lambda stop: work_alone(only, settings, rules, sockets, SYSTEM_CLOCK, stop))
