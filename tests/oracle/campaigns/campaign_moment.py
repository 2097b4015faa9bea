"""Campaigns at one moment of one customer, in order: superseding, entries, steps, silence, outcomes."""

from tests.oracle import messages
from tests.oracle.active_rules import ActiveRules
from tests.oracle.campaigns import outcomes
from tests.oracle.campaigns.campaign_history import CampaignHistory
from tests.oracle.campaigns.campaigns_file import Campaigns
from tests.oracle.campaigns.entry_causes import EntryCause
from tests.oracle.campaigns.runs import Run, RunStep
from tests.oracle.campaigns.targeting import matches
from tests.oracle.customers.arrivals import ends
from tests.oracle.customers.event_effects import grants_consent
from tests.oracle.customers.history import History
from tests.oracle.outputs import JsonObject


def run_campaigns(
    history: History,
    at: int,
    rules: ActiveRules,
    *,
    segment: str,
    entry_causes: list[EntryCause],
    event: JsonObject | None,
) -> None:
    """Do what campaigns do at a moment, after the segment change, if any, was published; `event` has caused it."""
    file, engagement = rules.campaigns, history.campaigns
    silenced_run = _silence_that_ends(engagement, event, rules)
    if silenced_run is not None:
        engagement.silenced_by = None
    if file is None:
        return
    for run in engagement.runs:
        if segment not in run.campaign.to_segments or _is_ended_by(run, event, rules):
            supersede(run, at, rules, file)
    _enter_campaigns(history, entry_causes, segment, rules, file)
    _process_due_steps(history, at, rules, file)
    if silenced_run is not None:
        rules.publish_suppression(
            messages.suppression(file, silenced_run, None, "silence-ended", at), silenced_run.cause.id
        )
    _begin_silence(history, at, rules, file)
    _report_outcomes(history, at, rules, file)


def _silence_that_ends(engagement: CampaignHistory, event: JsonObject | None, rules: ActiveRules) -> Run | None:
    """Return the run whose silence a purchase or a granted consent ends."""
    run = engagement.silenced_by
    if event is None or run is None or not (event["type"] == "purchase" or grants_consent(event)):
        return None
    began_at = run.silence_at()
    assert began_at is not None
    if ends(event, began_at):
        return run
    rules.result.rules_met.add("a silence outlasts history")
    return None


def _is_ended_by(run: Run, event: JsonObject | None, rules: ActiveRules) -> bool:
    """Return whether the event is a purchase that ends the run, of a campaign on ``reactivations``."""
    if event is None or event["type"] != "purchase" or run.campaign.topic != "reactivations":
        return False
    if ends(event, run.cause.at):
        return True
    if run.open_steps() and not run.superseded:
        rules.result.rules_met.add("a reactivation outlasts history")
    return False


def supersede(run: Run, at: int, rules: ActiveRules, file: Campaigns) -> None:
    """End a run: its open steps are suppressed, and it cannot silence the customer."""
    run.superseded = True
    for step in run.open_steps():
        _suppress_step(run, step, "superseded", at, rules, file)


def supersede_outdated(history: History, at: int, rules: ActiveRules) -> None:
    """End the runs of campaigns that the active file changed or dropped."""
    file = rules.campaigns
    if file is None:
        return
    for run in history.campaigns.runs:
        if run.campaign not in file.campaigns:
            supersede(run, at, rules, file)


def _enter_campaigns(
    history: History, entry_causes: list[EntryCause], segment: str, rules: ActiveRules, file: Campaigns
) -> None:
    """Enter the campaigns that match, in the file's order, or publish why an entry is suppressed."""
    engagement = history.campaigns
    for campaign in file.campaigns:
        for cause in entry_causes:
            if not campaign.matches(cause, segment):
                continue
            rules.result.conditions_checked.update(campaign.where)
            is_targeted = matches(campaign.where, history, rules.policy.seeker_share, cause.referrals_before)
            if not is_targeted or (campaign.name, cause.id) in engagement.causes_seen:
                continue
            engagement.causes_seen.add((campaign.name, cause.id))
            run, reason = Run.of(campaign, cause), engagement.entry_suppression_reason(file, campaign, cause)
            if reason == "backfill" and not cause.backfill and file.starts_at is None:
                rules.result.rules_met.add("before the beginning")
            if reason is None:
                engagement.runs.append(run)
            else:
                suppression = messages.suppression(file, run, None, reason, cause.at)
                rules.publish_suppression(suppression, cause.id)
            _note_entry(history, run, reason)


def _note_entry(history: History, run: Run, reason: str | None) -> None:
    """Record what counts as an entry, for later entries and for its outcome."""
    engagement, campaign, cause = history.campaigns, run.campaign, run.cause
    if reason in (None, "holdout"):
        engagement.entries.append((campaign.name, cause.at))
    elif reason == "control" and engagement.would_enter(campaign, cause.at):
        engagement.control_entries.append((campaign.name, cause.at))
    else:
        return
    watch = outcomes.new_watch(campaign, cause, reason, history)
    if watch is not None:
        engagement.watches.append(watch)


def _process_due_steps(history: History, at: int, rules: ActiveRules, file: Campaigns) -> None:
    """Schedule the steps whose base moment has passed, and send or suppress those due, by entry and then by number."""
    for run in history.campaigns.runs:
        for step in run.open_steps():
            if step.due_at is None and step.base_at <= at:
                step.due_at = _due_at(step, file, history)
            if step.due_at is not None and step.due_at <= at:
                _send_or_suppress(history, run, step, step.due_at, rules, file)


def _due_at(step: RunStep, file: Campaigns, history: History) -> int:
    """Return when a step is due, by the time zone known and the quiet hours active at its base moment."""
    if file.quiet_hours is None:
        return step.base_at
    return file.quiet_hours.deferred(step.base_at, file.zone_of(history.person.fact("timezone")))


def _send_or_suppress(history: History, run: Run, step: RunStep, at: int, rules: ActiveRules, file: Campaigns) -> None:
    engagement = history.campaigns
    reason = engagement.step_suppression_reason(file, run, step, at, history.person)
    if reason is not None:
        _suppress_step(run, step, reason, at, rules, file)
        return
    message = messages.message(file, run, step, at, history)
    rules.publish_message(run.campaign.topic, message)
    engagement.record_sent(run, step, at, message["channel"])


def _suppress_step(run: Run, step: RunStep, reason: str, at: int, rules: ActiveRules, file: Campaigns) -> None:
    step.result = reason
    rules.publish_suppression(messages.suppression(file, run, step, reason, at), run.cause.id)


def _begin_silence(history: History, at: int, rules: ActiveRules, file: Campaigns) -> None:
    """Silence the customer if a run has finished without a response."""
    engagement = history.campaigns
    for run in engagement.runs:
        if run.silence_at() != at or run.silence_checked:
            continue
        run.silence_checked = True
        if run.silences_customer() and engagement.silenced_by is None:
            engagement.silenced_by = run
            rules.publish_suppression(messages.suppression(file, run, None, "silence-began", at), run.cause.id)


def _report_outcomes(history: History, at: int, rules: ActiveRules, file: Campaigns) -> None:
    """Publish the outcomes that are due, in the order of their entries."""
    for watch in history.campaigns.watches:
        if watch.report_at <= at and not watch.reported:
            watch.reported = True
            rules.publish_outcome(outcomes.outcome(file, watch, history), watch.cause.id)
