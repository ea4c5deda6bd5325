"""The checks, test suites and tools of the project. `nox -l` lists them."""

import os

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "imports", "docs", "tests"]

# More processes than processors, because tests also wait for programs, in some suites a lot.
PROCESSORS = min(4, os.cpu_count() or 1)
SOME_WAITING = f"--numprocesses={PROCESSORS + 1}"
MUCH_WAITING = f"--numprocesses={PROCESSORS + 2}"
PARALLEL = (SOME_WAITING, "--dist=worksteal")
# For tests that share programs started once per file. Not for Schemathesis: its tests of one
# function have the same id, so pytest-xdist would run only one of them.
BY_FILE = (MUCH_WAITING, "--dist=loadfile")
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "examples")
PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install(session: nox.Session, *arguments: str) -> None:
    """Install packages. Try three times, because downloads sometimes fail."""
    for attempts_left in (2, 1, 0):
        try:
            session.install(*arguments)
        except CommandFailed:
            if not attempts_left:
                raise
            session.warn(f"The installation failed. Attempts left: {attempts_left}.")
        else:
            return


def run_suite(session: nox.Session, suite: str, *options: str) -> None:
    """
    Run the tests of a suite (see `tests/suites.py`), or pytest with the given arguments.

    Runs failed tests of a suite a second time, alone: see `tests/ci/rerun.py`. Records the duration
    of each test. `python -m tests.durations` makes a page of them.
    """
    install(session, "-e", ".[serve]", *group("test"))
    if suite in {"engine", "swarm"}:
        session.run("python", "-m", "tests.engine.base_images")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    run_twice(session, "--suite", suite, *options)


def run_twice(session: nox.Session, *arguments: str) -> None:
    """Run pytest, and run its failed tests a second time, alone."""
    durations = f"--durations-file=build/durations/{session.name}.jsonl"
    recorded = ("-p", "tests.durations", durations)
    session.run("python", "-m", "tests.ci.rerun", session.name, *recorded, *arguments)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Serve Pushpaka, deploy an example, and print its address."""
    install(session, "-e", ".[serve]")
    # After Ctrl-C, the demo needs seconds to stop everything, but nox waits only 0.3 s by default.
    session.run("pushpaka", "demo", *session.posargs, interrupt_timeout=30, terminate_timeout=30)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need nothing but Python, in minutes. Arguments go to pytest."""
    run_suite(session, "tests", *PARALLEL)


@nox.session(default=False)
def integration(session: nox.Session) -> None:
    """Run the tests with real databases, routers and served instances."""
    run_suite(session, "integration", *PARALLEL)


@nox.session(default=False)
def engine(session: nox.Session) -> None:
    """Run the tests of builds and containers. Needs a Docker Engine."""
    run_suite(session, "engine", *BY_FILE)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Run the dashboard tests in Chromium."""
    run_suite(session, "browser", *BY_FILE)


@nox.session(default=False)
def swarm(session: nox.Session) -> None:
    """Run the Docker Swarm tests. Each of two processes has a swarm with two engines."""
    run_suite(session, "swarm", "--numprocesses=2", "--dist=loadfile")


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """
    Run the tests that kill programs and servers, with named faults and a few random ones.

    With arguments, run only random faults: `-- --deployments 1000 --faults 200`.
    """
    if not session.posargs:
        run_suite(session, "faults", MUCH_WAITING, "--dist=worksteal")
        return
    install(session, "-e", ".[serve]", *group("test"))
    session.run("python", "-m", "tests.faults.harness", *session.posargs)


@nox.session(default=False)
def packages(session: nox.Session) -> None:
    """Build and install the wheel, the sdist, the image and the systemd units, and test them."""
    install(session, "-e", ".[serve,postgres,redis,notifications]", *group("packages"))
    run_suite(session, "packages", *BY_FILE)


@nox.session(python=["3.11", "3.12", "3.13"], download_python="never", default=False)
def pythons(session: nox.Session) -> None:
    """Run the tests on each supported Python. Choose one with `-s pythons-3.13`."""
    install(session, "-e", ".[serve]", *group("test"))
    run_twice(session, "--suite", "tests", *PARALLEL, *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Measure the coverage of the core by the tests without an engine or a browser."""
    install(session, "-e", ".[serve]", *group("test"))
    for suite in ("tests", "integration"):
        measured = ("--cov", "--cov-report=", "--cov-append")
        session.run("pytest", "--suite", suite, *measured, *PARALLEL, *session.posargs)
    core = "src/pushpaka_core/*"
    session.run("coverage", "report", "--skip-covered", f"--include={core}", "--fail-under=92")


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Check that tests fail when the code is wrong, with a fixed sample of mutants."""
    install(session, "-e", ".[serve]", *group("test"), *group("mutation"))
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Test with random input for some minutes: `-- --minutes 60`."""
    install(session, "-e", ".[serve]", *group("test"))
    session.run("python", "-m", "tests.fuzzing", *session.posargs)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Check the dependencies for known vulnerabilities. Skipped if no advisory source answers."""
    install(session, "-e", ".[serve,postgres,redis,notifications]", *group("audit"))
    pinned = f"{session.create_tmp()}/requirements.txt"
    session.run(
        *("uv", "pip", "compile", "--quiet", "--all-extras", "--no-annotate", "--no-header"),
        *("--output-file", pinned, "pyproject.toml"),
    )
    report = str(session.run("python", "-m", "tests.dependency_audit", pinned, silent=True)).strip()
    session.log(report)
    if "NOT AUDITED" in report:
        session.skip(report.rpartition("\n")[2])


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run benchmarks against other tools: `-- api` runs one, `-- --quick` tries all."""
    install(session, "-e", ".[serve,postgres,redis]", *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install(session, *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    install(session, "-e", ".[serve]", "nox", *group("types"))
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check the import contracts."""
    install(session, "-e", ".[serve]", *group("lint"))
    session.run("lint-imports")


@nox.session(default=False)
def client(session: nox.Session) -> None:
    """Generate the synchronous client from the asynchronous one."""
    session.run("python", "-m", "tests.client.synchronous")


@nox.session
def docs(session: nox.Session) -> None:
    """
    Build the pages into build/docs, follow their links, and run their code.

    With arguments, run only the code of these pages: `-- docs/operate/keys.md`.
    """
    install(session, "-e", ".[serve]", *group("test"), *group("docs"))
    strictly = (
        "--fail-on-warning",
        "--keep-going",
        "--nitpicky",
        "--quiet",
        "--jobs=auto",
    )
    if not session.posargs:
        for builder, *options in (("html", "--fresh-env"), ("markdown",)):
            run = ("sphinx-build", *strictly, *options, "-c", "docs", "-b", builder)
            session.run(*run, ".", "build/docs")
    pages = session.posargs or (*PAGES, "--ignore-glob=*.py")
    # The blocks of a page need those before them, so a page is repeated as a whole.
    judged = ("--whole-files", "-p", "tests.docs.plugin", *BY_FILE, "--timeout=300")
    session.run("python", "-m", "tests.ci.rerun", session.name, *judged, *pages)
