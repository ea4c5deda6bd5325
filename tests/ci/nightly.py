"""
Runs the sessions of `.ci/nightly`, goes on after one that fails, and ends with a table of all.

    python -m tests.ci.nightly NOX [--resume] [SESSION...]

NOX is the path of the program nox. The results are written to `build/nightly.md` and
`build/nightly.json` after each session, with the commit. Results of other sessions for the same
commit stay in the files. `--resume` runs only sessions that have no result for this commit. The
exit code is 1 if a result in the table is a failure.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, frozen
from tests.ci.records import Record, parse
from tests.ci.steps import Step, failure_reports, run

PYTHONS = ("pythons-3.11", "pythons-3.12", "pythons-3.13")
SESSIONS = (
    *PYTHONS,
    "integration",
    "engine",
    "browser",
    "swarm",
    "faults",
    "packages",
    "audit",
    "bench",
)
_WITHOUT_TESTS = ("audit", "bench")
_ARGUMENTS = {"bench": ("--", "--quick")}
_BUILD = Path("build")


@frozen(kw_only=True)
class Result:
    """What a session has shown: a row of the table."""

    session: str
    outcome: str
    """What nox says of the session: `success`, `failed` or `skipped`."""
    seconds: int
    record: Record


@frozen(kw_only=True)
class Night:
    """The results for one commit."""

    commit: str
    """The full hash. It ends with `+` if files differ from the commit."""
    results: tuple[Result, ...] = ()

    def with_result(self, result: Result) -> "Night":
        """Return the night with *result* added, or in place of the session's earlier one."""
        results = {it.session: it for it in (*self.results, result)}
        in_order = sorted(results.values(), key=lambda it: SESSIONS.index(it.session))
        return Night(commit=self.commit, results=tuple(in_order))

    def table(self) -> str:
        """Return the table in Markdown, below the commit."""
        names = ("session", "outcome", "tests", "passed", "failed", "flaky", "skipped", "seconds")
        rows = [names, ("---",) * len(names), *map(_cells, self.results)]
        lines = (f"| {' | '.join(row)} |" for row in rows)
        return "\n".join((f"Commit {self.commit}", "", *lines))

    def summary(self) -> tuple[str, int]:
        """Return the last lines of the output, and the exit code."""
        records = [result.record for result in self.results]
        lines = [*failure_reports(records), "", self.table()]
        return "\n".join(lines), int(any(record.failed for record in records))


def _cells(result: Result) -> Sequence[str]:
    record = result.record
    counts = (record.passed, len(record.failed), len(record.flaky), record.skipped)
    # A flaky test passed the second time.
    tests = record.passed + len(record.failed) + record.skipped
    shown = ("",) * 5 if result.session in _WITHOUT_TESTS else map(str, (tests, *counts))
    return (result.session, result.outcome, *shown, str(result.seconds))


def write(night: Night, directory: Path = _BUILD) -> None:
    """Write *night* to `nightly.json` and `nightly.md` in *directory*."""
    directory.mkdir(exist_ok=True)
    (directory / "nightly.json").write_text(json.dumps(asdict(night), indent=1))
    (directory / "nightly.md").write_text(f"{night.table()}\n")


def read(commit: str, directory: Path = _BUILD) -> Night:
    """Return the night of *commit* that was written to *directory*, or one without results."""
    path = directory / "nightly.json"
    fields = json.loads(path.read_text()) if path.exists() else {}
    # Changed files may have changed again.
    if fields.get("commit") != commit or commit.endswith("+"):
        return Night(commit=commit)
    results = tuple(Result(**{**it, "record": parse(it["record"])}) for it in fields["results"])
    return Night(commit=commit, results=results)


def chosen(night: Night, names: Sequence[str], *, resume: bool) -> Sequence[str]:
    """Return the sessions to run, in their order. `pythons` stands for all versions of Python."""
    wanted = set(names or SESSIONS)
    if "pythons" in wanted:
        wanted |= set(PYTHONS)
    done = {result.session for result in night.results} if resume else set()
    return [name for name in SESSIONS if name in wanted - done]


def run_session(nox: str, name: str) -> Result:
    """Run a session by the program *nox*, and return what it has shown."""
    report = _BUILD / "nox.json"
    report.unlink(missing_ok=True)
    options = ("--no-error-on-missing-interpreters", "--report", str(report))
    command = (nox, *options, "-s", name, *_ARGUMENTS.get(name, ()))
    step = run(Step(name=name, command=command, tried_again=name in _WITHOUT_TESTS))
    failed = bool(step.record.failed)
    return Result(
        session=name,
        outcome="failed" if failed else _reported(report),
        seconds=round(step.seconds),
        record=step.record,
    )


def _reported(report: Path) -> str:
    (session,) = json.loads(report.read_text())["sessions"]
    return str(session["result"])


def current_commit() -> str:
    """Return the commit of the working directory, with `+` if files differ from it."""
    changed = _git("status", "--porcelain")
    return _git("rev-parse", "HEAD") + ("+" if changed else "")


def _git(*arguments: str) -> str:
    run_git = subprocess.run(("git", *arguments), check=True, stdout=subprocess.PIPE, text=True)
    return run_git.stdout.strip()


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line: `resume`, and `sessions`, which may be empty."""
    parser = argparse.ArgumentParser(prog=".ci/nightly", description=__doc__.splitlines()[1])
    parser.add_argument("--resume", action="store_true", help="skip sessions that have a result")
    # Not `choices`: Python 3.11 would refuse a command line without sessions.
    parser.add_argument("sessions", nargs="*", type=_session, metavar="SESSION")
    return parser.parse_args(arguments)


def _session(name: str) -> str:
    known = (*SESSIONS, "pythons")
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r} is not a session. Use {', '.join(known)}.")
    return name


def main(nox: str, arguments: Sequence[str]) -> int:
    """Run the sessions that *arguments* choose, and return the exit code."""
    given = parse_arguments(arguments)
    night = read(current_commit())
    for name in chosen(night, given.sessions, resume=given.resume):
        night = night.with_result(run_session(nox, name))
        write(night)
    text, code = night.summary()
    print(text, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
