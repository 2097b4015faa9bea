"""Campaigns at one moment of one customer, in order: superseded, begin, attempts, silence, outcomes."""

from tests.oracle import messages, outcomes
from tests.oracle.active_rules import ActiveRules
from tests.oracle.campaigns import Campaigns
from tests.oracle.entry_causes import EntryCause
from tests.oracle.history import History
from tests.oracle.runs import Attempt, Run
from tests.oracle.targeting import meets


def at_one_moment(
    history: History,
    at: int,
    desk: ActiveRules,
    *,
    segment: str,
    occasions: list[EntryCause],
    purchased: bool,
    ends_silence: bool,
) -> None:
    """Do what campaigns do at a moment, after the segment change, if there was one, was published."""
    file, mail = desk.campaigns, history.correspondence
    ended = mail.silenced_by if ends_silence else None
    if ends_silence:
        mail.silenced_by = None
    if file is None:
        return
    for run in mail.runs:
        if segment not in run.campaign.begins_to or (purchased and run.campaign.topic == "reactivations"):
            supersede(run, at, desk, file)
    _begin(history, occasions, segment, desk, file)
    _attempt(history, at, desk, file)
    if ended is not None:
        desk.publish_suppression(messages.suppression(file, ended, None, "silence-ended", at), ended.occasion.id)
    _silence(history, at, desk, file)
    _tell(history, at, desk, file)


def supersede(run: Run, at: int, desk: ActiveRules, file: Campaigns) -> None:
    """End a run: what is not made of it is not made any more, and it will not silence."""
    run.superseded = True
    for attempt in run.not_made():
        _keep_back(run, attempt, "superseded", at, desk, file)


def keep_to_file(history: History, at: int, desk: ActiveRules) -> None:
    """End the runs of campaigns that the file now in force changes or drops."""
    file = desk.campaigns
    if file is None:
        return
    for run in history.correspondence.runs:
        if run.campaign not in file.campaigns:
            supersede(run, at, desk, file)


def _begin(history: History, occasions: list[EntryCause], segment: str, desk: ActiveRules, file: Campaigns) -> None:
    """Begin the campaigns that fit, in the file's order, each unless kept back as a whole."""
    mail = history.correspondence
    for campaign in file.campaigns:
        for occasion in occasions:
            if not campaign.fits(occasion, segment):
                continue
            desk.result.asked.update(campaign.where)
            meant = meets(campaign.where, history, desk.policy.seeker_share, occasion.heard_before)
            if not meant or (campaign.name, occasion.id) in mail.occasions:
                continue
            mail.occasions.add((campaign.name, occasion.id))
            run, reason = Run.of(campaign, occasion), mail.whole_reason(file, campaign, occasion)
            if reason is None:
                mail.runs.append(run)
            else:
                suppression = messages.suppression(file, run, None, reason, occasion.at)
                desk.publish_suppression(suppression, occasion.id)
            _note_begin(history, run, reason)


def _note_begin(history: History, run: Run, reason: str | None) -> None:
    """Remember what counts as begun, for later beginnings and for its outcome."""
    mail, campaign, occasion = history.correspondence, run.campaign, run.occasion
    if reason in (None, "holdout"):
        mail.begins.append((campaign.name, occasion.at))
    elif reason == "control" and mail.would_begin(campaign, occasion.at):
        mail.controls.append((campaign.name, occasion.at))
    else:
        return
    watch = outcomes.watch(campaign, occasion, reason, history)
    if watch is not None:
        mail.watches.append(watch)


def _attempt(history: History, at: int, desk: ActiveRules, file: Campaigns) -> None:
    """Place the attempts whose moment has come; make those that are due, by beginning of their runs, then number."""
    for run in history.correspondence.runs:
        for attempt in run.not_made():
            if attempt.due_at is None and attempt.base_at <= at:
                attempt.due_at = _placed(attempt, file, history)
            if attempt.due_at is not None and attempt.due_at <= at:
                _make(history, run, attempt, attempt.due_at, desk, file)


def _placed(attempt: Attempt, file: Campaigns, history: History) -> int:
    """When an attempt is due, by the time zone known at its moment and the quiet hours then in force."""
    if file.quiet_hours is None:
        return attempt.base_at
    return file.quiet_hours.moved(attempt.base_at, file.zone_of(history.person.fact("timezone")))


def _make(history: History, run: Run, attempt: Attempt, at: int, desk: ActiveRules, file: Campaigns) -> None:
    mail = history.correspondence
    reason = mail.attempt_reason(file, run, attempt, at, history.person)
    if reason is not None:
        _keep_back(run, attempt, reason, at, desk, file)
        return
    message = messages.message(file, run, attempt, at, history)
    desk.publish_message(run.campaign.topic, message)
    mail.note_sent(run, attempt, at, message["channel"])


def _keep_back(run: Run, attempt: Attempt, reason: str, at: int, desk: ActiveRules, file: Campaigns) -> None:
    attempt.outcome = reason
    desk.publish_suppression(messages.suppression(file, run, attempt, reason, at), run.occasion.id)


def _silence(history: History, at: int, desk: ActiveRules, file: Campaigns) -> None:
    """Silence the customer whom a run has told all it had to tell, to no effect."""
    mail = history.correspondence
    for run in mail.runs:
        if run.silence_at() != at or run.looked_for_silence:
            continue
        run.looked_for_silence = True
        if run.silences() and mail.silenced_by is None:
            mail.silenced_by = run
            desk.publish_suppression(messages.suppression(file, run, None, "silence-began", at), run.occasion.id)


def _tell(history: History, at: int, desk: ActiveRules, file: Campaigns) -> None:
    """Tell the outcomes whose time has come, in the order of their beginnings."""
    for watched in history.correspondence.watches:
        if watched.told_at <= at and not watched.told:
            watched.told = True
            desk.publish_outcome(outcomes.outcome(file, watched, history), watched.occasion.id)
