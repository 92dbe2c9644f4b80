"""Say how work on a server went, from all the signs it left; reads nothing and asks nobody."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime


class Outcome(StrEnum):
    """How work went, as far as the server's signs prove it."""

    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"


class TaskSign(NamedTuple):
    """What the server's queue said of the task, last of all.

    Releases before 2.2 give no times; whoever follows a task there may put the server's own `Date` of the answer
    that first showed it running into `started_at`.
    """

    status: str
    error_message: str | None
    started_at: datetime | None
    finished_at: datetime | None


class RowSign(NamedTuple):
    """A result row of the backup's log; `first_problem` is the server's text of its first error, else warning."""

    row_id: int
    main_operation: str
    parsed_result: str
    is_interrupted: bool
    is_partial: bool
    is_dry_run: bool
    began_at: datetime | None
    ended_at: datetime | None
    warnings_count: int
    errors_count: int
    first_problem: str | None


class NoticeSign(NamedTuple):
    """A notification that names the backup. `is_thrown` tells an operation that threw from one that noted problems."""

    notification_id: int
    kind: str
    title: str
    message: str
    at: datetime | None
    is_thrown: bool = False


class MetadataSign(NamedTuple):
    """When the operation last started and finished, and the last error of any operation; whole seconds."""

    started_at: datetime | None
    finished_at: datetime | None
    error_at: datetime | None
    error_message: str | None


class Evidence(NamedTuple):
    """Everything a client can know about one task when it has ended.

    `is_task_lost` tells that its end was not seen: the number is unknown to the server, or the server was restarted.
    `rows` are those above the highest row id noted before the start, of any operation, None where the log could not be
    read; `notices` those of this backup that are new since then or renewed under their old id. `before` and `after`
    are None where metadata were not read. `last_phase` counts only if `progressstate` gave it with the number of this
    very task. `asked` is `stop` or `abort` if this client asked for it while the task ran. `is_dry_run` is what the
    definition says, None where nobody looked.
    """

    operation: str
    release: tuple[int, ...]
    task: TaskSign | None = None
    is_task_lost: bool = False
    rows: tuple[RowSign, ...] | None = None
    before: MetadataSign | None = None
    after: MetadataSign | None = None
    notices: tuple[NoticeSign, ...] = ()
    last_phase: str | None = None
    asked: str | None = None
    is_dry_run: bool | None = None


class Verdict(NamedTuple):
    """An outcome, why, by which signs, and the server's own words (first line) where it had some."""

    outcome: Outcome
    reason: str
    signs: tuple[str, ...]
    detail: str | None


class LastRun(NamedTuple):
    """How the last run of a backup went, as far as listings tell; `at` is when it ended, else its last sign."""

    state: Outcome | Literal["never", "running"]
    reason: str
    at: datetime | None
    detail: str | None


_UNTOUCHED = MetadataSign(None, None, None, None)
_CANCELLED = (
    "a task was canceled",
    "the operation was canceled",
    "thread was being aborted",
    "threadabortexception",  # 2.0 on Windows has the rest in the language of the system
    "thread was interrupted from a waiting state",
    "cancellation was requested",
)
_ABORTED_SILENTLY = " On this release an aborted one leaves none."
_CALLED_OFF = "A start script called it off before it began."
_STOPPED = "It was stopped before all files were read; what was read is stored."
_BEGINNINGS = frozenset({"Starting_Operation", "RunScript_Running", "Backup_Begin"})
_LISTINGS = frozenset({"List", "ListFilesets", "ListFolder", "ListFileVersions", "SearchFiles"})
_ROWLESS_BEFORE_2_2 = frozenset({"Compact", "Vacuum", "ListRemote"})
_RELEASE_2_2 = (2, 2)
_CLOCK_STEP_SECONDS = 0.5  # rows begin up to 32 ms after `TaskStarted`, which may be corrected (2.3.1.0 restart:35)
_LOST_STEP_SECONDS = 2.0
_BY_RESULT = {"Success": Outcome.SUCCESS, "Warning": Outcome.WARNING, "Error": Outcome.ERROR}


def judge(evidence: Evidence) -> Verdict:
    """Say how one operation went.

    Success needs a result row that says so and no sign against it; where the signs prove nothing it is unknown. Never
    raises.
    """
    task = evidence.task
    if task and task.status in ("Waiting", "Running") and not evidence.is_task_lost:
        return Verdict(Outcome.UNKNOWN, "It has not ended yet.", (f"task {task.status}",), None)
    candidates = _own_rows(evidence)
    row = candidates[0] if candidates else None
    if task and task.status == "Failed":
        return _judge_thrown(evidence, row)
    if len({(sign.parsed_result, sign.is_interrupted, sign.is_partial) for sign in candidates}) > 1:
        signs = tuple(_describe(candidate) for candidate in candidates)
        return Verdict(Outcome.UNKNOWN, "Several results came since the start, and they differ.", signs, None)
    if row is None:
        return _judge_without_row(evidence)
    if row.parsed_result == "Fatal" and not row.is_interrupted:
        return _judge_thrown(evidence, row)
    return _judge_row(evidence, row)


def judge_last(
    metadata: MetadataSign | None,
    notices: tuple[NoticeSign, ...] = (),
    *,
    release: tuple[int, ...],
    row: RowSign | None = None,
    is_running: bool = False,
) -> LastRun:
    """Say how the last run of a backup went, from its metadata, all its notifications and its newest `Backup` row.

    Without the row it is never success. It cannot see a run that was killed with its server: that leaves no trace.
    """
    known = metadata or _UNTOUCHED
    if is_running:
        return LastRun("running", "It is running now.", None, None)
    if row and row.began_at and not _is_outdated(row, known):
        return _judge_last_row(row, row.began_at, known, notices, release)
    since = known.started_at
    recent = tuple(notice for notice in notices if not (since and notice.at and notice.at < since))
    noticed, words = _worst_notice(recent)
    at = known.finished_at or known.error_at or (recent[0].at if recent else None)
    if known.error_at and not (known.finished_at and known.error_at < known.finished_at):
        return _failed_last(known.error_at, known.error_message)
    if noticed:
        is_thrown = noticed is Outcome.ERROR and any(notice.is_thrown for notice in recent if notice.kind == "Error")
        return _failed_last(at, words) if is_thrown else LastRun(noticed, f"The server reported {noticed}s.", at, words)
    if row is None and known.finished_at is None:
        return LastRun("never", "Nothing tells of a run.", None, None)
    reason = "The last run left no result." if row else "No result row tells how it went."
    return LastRun(Outcome.UNKNOWN, reason + (_ABORTED_SILENTLY if row and release < _RELEASE_2_2 else ""), at, None)


def _judge_last_row(
    row: RowSign, began_at: datetime, known: MetadataSign, notices: tuple[NoticeSign, ...], release: tuple[int, ...]
) -> LastRun:
    ended_at = row.ended_at or began_at
    since = began_at.replace(microsecond=0)
    recent = tuple(notice for notice in notices if notice.at is None or notice.at >= since)
    own_error = known if known.error_at and known.error_at >= since else None
    verdict = judge(Evidence("Backup", release, rows=(row,), before=_UNTOUCHED, after=own_error, notices=recent))
    if known.error_at and row.parsed_result != "Fatal" and known.error_at > ended_at:
        return _failed_last(known.error_at, known.error_message)
    if verdict.outcome is Outcome.SUCCESS and known.error_at == ended_at.replace(microsecond=0):
        return LastRun(Outcome.UNKNOWN, "An error came in the second in which it ended.", ended_at, known.error_message)
    if verdict.outcome is Outcome.SUCCESS and row.is_dry_run:
        return LastRun(Outcome.UNKNOWN, "It was a dry run; nothing was stored.", ended_at, None)
    return LastRun(verdict.outcome, verdict.reason, ended_at, verdict.detail)


def _is_outdated(row: RowSign, known: MetadataSign) -> bool:
    """Say whether a later run moved the metadata; of the row's own run they are its times without the fractions."""
    pairs = ((known.started_at, row.began_at), (known.finished_at, row.ended_at))
    return any(kept and own and kept > own for kept, own in pairs)


def _failed_last(at: datetime | None, words: str | None) -> LastRun:
    if _is_cancellation(words):
        return LastRun(Outcome.INTERRUPTED, "The last one was cut off before its end.", at, _first_line(words))
    return LastRun(Outcome.FATAL, "The last operation failed.", at, _first_line(words))


def _own_rows(evidence: Evidence) -> list[RowSign]:
    """Pick the rows that can be this task's, newest first."""
    rows = sorted(evidence.rows or (), key=lambda row: -row.row_id)
    return [row for row in rows if row.main_operation == evidence.operation and _can_be_of_task(row, evidence)]


def _can_be_of_task(row: RowSign, evidence: Evidence) -> bool:
    """Compare times; a lost task needs the match, for a later run's row looks just as good (`2.3.1.0 restart:51`)."""
    started_at = evidence.task.started_at if evidence.task else None
    finished_at = evidence.task.finished_at if evidence.task else None
    if started_at is None or row.began_at is None:
        return not _is_lost(evidence)
    after_start_seconds = (row.began_at - started_at).total_seconds()
    if _is_lost(evidence):
        return abs(after_start_seconds) <= _LOST_STEP_SECONDS
    return after_start_seconds >= -_CLOCK_STEP_SECONDS and (finished_at is None or row.began_at <= finished_at)


def _is_lost(evidence: Evidence) -> bool:
    return evidence.is_task_lost and not (evidence.task and evidence.task.status in ("Completed", "Failed"))


def _judge_row(evidence: Evidence, row: RowSign) -> Verdict:
    signs = (_describe(row), *_notice_signs(evidence.notices))
    problem = _first_line(row.first_problem)
    if row.is_interrupted or row.is_partial:
        return Verdict(Outcome.INTERRUPTED, _CALLED_OFF if row.is_interrupted else _STOPPED, signs, problem)
    outcome = _BY_RESULT.get(row.parsed_result, Outcome.UNKNOWN)
    noticed, words = _worst_notice(evidence.notices)
    if noticed and outcome not in (noticed, Outcome.ERROR):
        reason = f"Its result says {row.parsed_result}, but the server reported {noticed}s for this backup since."
        return Verdict(noticed, reason, signs, words)
    if outcome is Outcome.SUCCESS:
        return _judge_good_row(evidence, row, signs)
    reasons = {Outcome.WARNING: "It ended with warnings.", Outcome.ERROR: "It ended with errors."}
    reason = reasons.get(outcome, f"The server calls the result {row.parsed_result}, which proves nothing.")
    return Verdict(outcome, reason, signs, problem or words)


def _judge_good_row(evidence: Evidence, row: RowSign, signs: tuple[str, ...]) -> Verdict:
    doubts = [f"phase {evidence.last_phase}"] if evidence.last_phase == "Error" else []
    if evidence.task and evidence.task.status != "Completed" and not _is_lost(evidence):
        doubts.append(f"task {evidence.task.status}")
    if doubts:
        return Verdict(Outcome.UNKNOWN, "Its result is good, but another sign says no.", (*signs, *doubts), None)
    reason = "The dry run succeeded; nothing was stored." if row.is_dry_run else "It succeeded."
    return Verdict(Outcome.SUCCESS, reason, signs, None)


def _judge_thrown(evidence: Evidence, row: RowSign | None) -> Verdict:
    """Tell an operation that was cut off from one that failed; the server throws in both cases."""
    signs, words = _all_signs(evidence, row), _own_words(evidence, row)
    detail = _first_line(words)
    if evidence.asked == "abort" or _is_cancellation(words) or (row and row.is_interrupted):
        return Verdict(Outcome.INTERRUPTED, "It was cut off before its end.", signs, detail)
    return Verdict(Outcome.FATAL, "It failed.", signs, detail)


def _judge_without_row(evidence: Evidence) -> Verdict:
    signs = _all_signs(evidence, None)
    if _is_lost(evidence):
        return Verdict(Outcome.UNKNOWN, "The server lost the task, and no result can be matched to it.", signs, None)
    if _has_thrown(evidence):
        return _judge_thrown(evidence, None)
    if other := _other_operation(evidence):
        return Verdict(Outcome.UNKNOWN, f"The server did something else meanwhile: {other}.", signs, None)
    noticed, words = _worst_notice(evidence.notices)
    if _is_called_off(evidence):
        return Verdict(Outcome.INTERRUPTED, "It ended before it began, as one called off does.", signs, words)
    if _is_cut_off_silently(evidence) or _is_cancellation(words):
        return Verdict(Outcome.INTERRUPTED, "It was cut off before its end.", signs, words)
    if noticed:
        return Verdict(noticed, f"The server reported {noticed}s; no result is there to tell more.", signs, words)
    return Verdict(Outcome.UNKNOWN, _why_unknown(evidence), signs, None)


def _why_unknown(evidence: Evidence) -> str:
    is_rowless = evidence.release < _RELEASE_2_2 and evidence.operation in _ROWLESS_BEFORE_2_2
    if is_rowless or evidence.operation == "CreateReport":
        return "It ended and the server reported no error, but this operation leaves no result on this release."
    if evidence.is_dry_run:
        return "It was a dry run, which leaves no result; nothing was stored."
    if evidence.rows is None:
        return "It ended, but its result could not be read."
    return "It ended, but the server kept no result of it."


def _has_thrown(evidence: Evidence) -> bool:
    """Say whether another sign tells of an exception where the task's state does not: before 2.2, or unseen."""
    if evidence.task and evidence.release >= _RELEASE_2_2:
        return False
    is_reported = any(notice.is_thrown and notice.kind == "Error" for notice in evidence.notices)
    return is_reported or evidence.last_phase == "Error" or _new_error(evidence) is not None


def _new_error(evidence: Evidence) -> MetadataSign | None:
    """Return the metadata if their `LastErrorDate` moved; it has whole seconds, so an equal one proves nothing."""
    after, started_at = evidence.after, evidence.task.started_at if evidence.task else None
    since = evidence.before.error_at if evidence.before else started_at
    is_comparable = evidence.before is not None or started_at is not None
    is_new = after and after.error_at and is_comparable and (since is None or after.error_at > since)
    return after if is_new else None


def _is_called_off(evidence: Evidence) -> bool:
    """Recognise a first run that a start script called off: from 2.2 it leaves no row (`2.3.1.0 outcomes:418`)."""
    is_possible = evidence.operation == "Backup" and evidence.release >= _RELEASE_2_2 and not evidence.is_dry_run
    return (
        is_possible and evidence.rows is not None and evidence.last_phase in _BEGINNINGS and _has_left_no_end(evidence)
    )


def _has_left_no_end(evidence: Evidence) -> bool:
    """Say whether the metadata prove that no run ended since the task started; they have whole seconds."""
    if evidence.task is None or evidence.after is None:
        return False
    started_at, ended_at = evidence.task.started_at, evidence.after.finished_at
    return ended_at is None or (started_at is not None and ended_at < started_at.replace(microsecond=0))


def _is_cut_off_silently(evidence: Evidence) -> bool:
    """Recognise an abort before 2.2: no row, no error, only a phase that stays (`2.1.0.5 control-late-stop:81`)."""
    if evidence.release >= _RELEASE_2_2 or evidence.operation not in ("Backup", "Restore") or evidence.rows is None:
        return False
    return _is_unfinished(evidence.last_phase) or (evidence.asked == "abort" and evidence.last_phase is None)


def _is_unfinished(phase: str | None) -> bool:
    is_complete = phase in ("Backup_Complete", "Restore_Complete")
    return phase is not None and phase.startswith(("Backup_", "Restore_")) and not is_complete


def _other_operation(evidence: Evidence) -> str | None:
    """Name what ran in place of a run that was asked for while the backup was busy."""
    rows = (row for row in evidence.rows or () if row.main_operation not in _LISTINGS)
    return next((row.main_operation for row in rows if _can_be_of_task(row, evidence)), None)


def _worst_notice(notices: tuple[NoticeSign, ...]) -> tuple[Outcome | None, str | None]:
    for kind, outcome in (("Error", Outcome.ERROR), ("Warning", Outcome.WARNING)):
        for notice in notices:
            if notice.kind == kind:
                return outcome, _first_line(notice.message)
    return None, None


def _own_words(evidence: Evidence, row: RowSign | None) -> str | None:
    """Return what the server said of the failure, as close to it as can be; a row's first error may be a lesser one."""
    new_error = _new_error(evidence)
    texts = [evidence.task.error_message if evidence.task else None]
    texts += [notice.message for notice in evidence.notices if notice.kind == "Error" and notice.is_thrown]
    texts += [new_error.error_message if new_error else None, row.first_problem if row else None]
    return next((text for text in texts if text), None)


def _is_cancellation(words: str | None) -> bool:
    return words is not None and any(phrase in words.lower() for phrase in _CANCELLED)


def _first_line(text: str | None) -> str | None:
    lines = text.strip().splitlines() if text else []
    return lines[0].strip() if lines else None


def _all_signs(evidence: Evidence, row: RowSign | None) -> tuple[str, ...]:
    found = [f"task {evidence.task.status}"] if evidence.task else []
    found += ["task lost"] if _is_lost(evidence) else []
    found += [_describe(row) if row else "log unread" if evidence.rows is None else "no row"]
    found += ["LastErrorDate moved"] if _new_error(evidence) else []
    found += _notice_signs(evidence.notices)
    found += [f"phase {evidence.last_phase}"] if evidence.last_phase else []
    found += [f"{evidence.asked} asked for"] if evidence.asked else []
    return tuple(found)


def _notice_signs(notices: tuple[NoticeSign, ...]) -> tuple[str, ...]:
    return tuple(f"{notice.kind} notification" for notice in notices if notice.kind in ("Error", "Warning"))


def _describe(row: RowSign) -> str:
    flags = [("interrupted", row.is_interrupted), ("partial", row.is_partial), ("dry run", row.is_dry_run)]
    return ", ".join([f"row {row.parsed_result}", *(name for name, is_set in flags if is_set)])
