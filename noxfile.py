"""One session for each question. `nox -l` lists them."""

import os
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "imports", "docs", "tests"]

# One more than there are processors, as tests wait for programs now and then.
PROCESSES = f"--numprocesses={min(4, (os.cpu_count() or 1) + 1)}"
PARALLEL, BY_FILE = (PROCESSES, "--dist=worksteal"), (PROCESSES, "--dist=loadfile")
FAULTS, PACKAGES = "tests/faults", "tests/packages"
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "examples")
CORE = tuple(f"tests/{name}" for name in ("domain", "detection", "services", "contracts"))
QUICK = (*CORE, "tests/http", "tests/client", "tests/ci")
SLOW = tuple(f"--ignore-glob=*{name}.py" for name in ("watchers", "openapi_*", "slow_clients"))
JUDGED = (
    *(*CORE, "tests/worker", "tests/adapters", "tests/engine", "tests/images"),
    *map(str, sorted(Path("tests").glob("test_*.py"))),
)
"""The tests of the core's own parts, which tell how much of it is covered."""
PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install(session: nox.Session, *arguments: str) -> None:
    """Install packages; try three times, because downloads fail now and then."""
    for attempts_left in (2, 1, 0):
        try:
            session.install(*arguments)
        except CommandFailed:
            if not attempts_left:
                raise
            session.warn(f"The installation failed. Attempts left: {attempts_left}.")
        else:
            return


def run_tests(session: nox.Session, *arguments: str) -> None:
    """Run pytest, and run tests that fail once more, alone: see `tests/ci/rerun.py`."""
    session.run("python", "-m", "tests.ci.rerun", session.name, *arguments)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Does the main job work here? Serves, deploys an example, and prints its address."""
    install(session, "-e", ".[serve]")
    session.run("pushpaka", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need nothing but Python, in minutes. Arguments go to pytest."""
    install(session, "-e", ".[serve]", *group("test"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    run_tests(session, *PARALLEL, "-m", "not needs", *SLOW, *QUICK)


@nox.session(default=False)
def integration(session: nox.Session) -> None:
    """Run the tests with real servers, engines and browsers, where these can be started."""
    install(session, "-e", ".[serve]", *group("test"))
    session.run("python", "-m", "tests.engine.base_images")
    others = (f"--ignore={path}" for path in (FAULTS, PACKAGES))
    run_tests(session, *PARALLEL, "-m", "not swarm", *others, *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Measure how much of the core its own tests cover."""
    install(session, "-e", ".[serve]", *group("test"))
    session.run("pytest", *PARALLEL, "--cov", "--cov-report=", "-m", "not swarm", *JUDGED)
    core = "src/pushpaka_core/*"
    session.run("coverage", "report", "--skip-covered", f"--include={core}", "--fail-under=92")


@nox.session(python=["3.11", "3.12", "3.13"], download_python="never", default=False)
def pythons(session: nox.Session) -> None:
    """Run the quick tests on each supported Python. Choose one with `-s pythons-3.13`."""
    install(session, "-e", ".[serve]", *group("test"))
    run_tests(session, *PARALLEL, *(session.posargs or ("-m", "not needs", *SLOW, *QUICK)))


@nox.session(default=False)
def swarm(session: nox.Session) -> None:
    """Does it hold on several machines as well? One test at a time, as each has two engines."""
    install(session, "-e", ".[serve]", *group("test"))
    session.run("python", "-m", "tests.engine.base_images")
    run_tests(session, "-m", "swarm", *session.posargs)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """
    Is nothing lost while programs and servers die? Named faults, then random ones.

    Arguments go to the harness of random ones alone: `-- --deployments 1000 --faults 200`.
    """
    install(session, "-e", ".[serve]", *group("test"))
    if not session.posargs:
        run_tests(session, *PARALLEL, FAULTS)
    session.run("python", "-m", "tests.faults.harness", *session.posargs)


@nox.session(default=False)
def packages(session: nox.Session) -> None:
    """Is what people install whole? The wheel, the sdist, the image, what comes along for hosts."""
    install(
        session, "-e", ".[serve,postgres,redis,notifications]", *group("test"), *group("packages")
    )
    run_tests(session, *BY_FILE, PACKAGES, *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Does it bear what nobody has sent to it yet? Try `-- --minutes 60`."""
    install(session, "-e", ".[serve]", *group("test"))
    session.run("python", "-m", "tests.fuzzing", *session.posargs)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Has anything that it stands on a known flaw? Skipped where there is nobody to ask."""
    install(session, "-e", ".[serve,postgres,redis,notifications]", *group("audit"))
    pinned = f"{session.create_tmp()}/requirements.txt"
    session.run(
        *("uv", "pip", "compile", "--quiet", "--all-extras", "--no-annotate", "--no-header"),
        *("--output-file", pinned, "pyproject.toml"),
    )
    told = str(session.run("python", "-m", "tests.audit", pinned, silent=True)).strip()
    session.log(told)
    if "NOT AUDITED" in told:
        session.skip(told.rpartition("\n")[2])


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """How fast is it beside others and by hand? Say which: `-- api`; `-- --quick` tries all."""
    install(session, "-e", ".[serve,postgres,redis]", *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Does it read as agreed?"""
    install(session, *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Do the types hold?"""
    install(session, "-e", ".[serve]", "nox", *group("types"))
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Do all imports point inwards?"""
    install(session, "-e", ".[serve]", *group("lint"))
    session.run("lint-imports")


@nox.session(default=False)
def client(session: nox.Session) -> None:
    """Writes the synchronous client anew from the asynchronous one."""
    session.run("python", "-m", "tests.client.synchronous")


@nox.session
def docs(session: nox.Session) -> None:
    """
    Do the docs hold? Builds the pages into build/docs, follows their links, runs their code.

    Arguments are pages whose code alone is run: `-- docs/keys.md`.
    """
    install(session, "-e", ".[serve]", *group("test"), *group("docs"))
    strictly = (
        "--fail-on-warning",
        "--keep-going",
        "--nitpicky",
        "--fresh-env",
        "--quiet",
        "--jobs=auto",
    )
    if not session.posargs:
        session.run("sphinx-build", *strictly, "-c", "docs", "-b", "html", ".", "build/docs")
    pages = session.posargs or (*PAGES, "--ignore-glob=*.py")
    judged = ("-p", "tests.docs.plugin", *BY_FILE, "--timeout=300")
    # A block may need those above it.
    run_tests(session, "--whole-files", *judged, *pages)
