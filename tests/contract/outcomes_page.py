"""Write the table of `docs/explanation/outcomes.md` from the recordings: `python tests/contract/outcomes_page.py`."""

from __future__ import annotations

from pathlib import Path

from operations_recorded import Recorded, recorded_operations
from outcomes_expected import key_of, read_expectations

from duplicati_client.outcome import Evidence, judge
from recordings import RELEASES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "outcomes.md"
BEGIN = "<!-- table: written by tests/contract/outcomes_page.py -->"
END = "<!-- end of table -->"
HEAD = "| What happened | Signs the server gave | Outcome | Why | Seen at |\n| --- | --- | --- | --- | --- |"


def page_with_table(page: str) -> str:
    """Return the page with its table written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_tables()}\n{END}{after}"


def _tables() -> str:
    return "\n\n".join(f"### {release}\n\n{HEAD}\n" + "\n".join(_rows(release)) for release in RELEASES)


def _rows(release: str) -> list[str]:
    """Put operations that went alike into one row, in the order of the recordings."""
    expected = read_expectations()
    places: dict[tuple[str, str, str, str], list[str]] = {}
    for recorded in recorded_operations():
        if recorded.start.release == release:
            row = _row(recorded, expected[key_of(recorded)].what_happened)
            places.setdefault(row, []).append(f"{recorded.start.file}:{recorded.start.seq}")
    return [f"| {' | '.join(row)} | {', '.join(seen)} |" for row, seen in places.items()]


def _row(recorded: Recorded, what_happened: str) -> tuple[str, str, str, str]:
    verdict = judge(recorded.evidence)
    words = f" “{_short(verdict.detail)}”" if verdict.detail else ""
    signs = "; ".join(_signs(recorded.evidence))
    return _cell(what_happened), _cell(signs), f"**{verdict.outcome}**", _cell(verdict.reason + words)


def _signs(evidence: Evidence) -> list[str]:
    """List what was seen, good or bad, whether or not it decided."""
    task = f"task `{evidence.task.status}`" if evidence.task else "task not seen to its end"
    found = ["task lost"] if evidence.is_task_lost else [task]
    own = [row for row in evidence.rows or () if row.main_operation == evidence.operation]
    for row in own:
        flags = [("interrupted", row.is_interrupted), ("partial", row.is_partial), ("dry run", row.is_dry_run)]
        found.append(", ".join([f"row `{row.parsed_result}`", *(name for name, is_set in flags if is_set)]))
    if not own:
        found.append("log not read" if evidence.rows is None else "no row")
    found += sorted({f"{notice.kind} notification" for notice in evidence.notices})
    found += ["`LastErrorDate` moved"] if _is_error_new(evidence) else []
    found += [f"last phase `{evidence.last_phase}`"] if evidence.last_phase else []
    found += [f"{evidence.asked} asked for"] if evidence.asked else []
    return found


def _is_error_new(evidence: Evidence) -> bool:
    before, after = evidence.before, evidence.after
    return bool(before and after and after.error_at and (before.error_at is None or after.error_at > before.error_at))


def _short(text: str) -> str:
    return text if len(text) <= 90 else text[:89].rsplit(" ", 1)[0] + " …"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
