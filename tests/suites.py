"""
Sorts every test into one suite, and runs the suite that `--suite` names.

A suite is a nox session. Its name comes from the `suite` marker of a test, or else from the
components that the test needs and the folder that it is in. So no test is in two suites, and none
is left out.
"""

import pytest

SUITES = {
    "tests": "needs no server, container engine or browser, and takes a moment",
    "integration": "needs PostgreSQL, Redis, Traefik, sshd or a served instance",
    "engine": "needs a Docker Engine",
    "browser": "opens the dashboard in Chromium",
    "swarm": "needs a Docker Swarm of two machines",
    "faults": "ends programs and servers while others use them",
    "packages": "installs and upgrades what is released",
}

_BY_COMPONENT = {
    "docker": "engine",
    "own engine": "engine",
    "registry": "engine",
    "browser": "browser",
}
"""
The suite of tests that need a component. The first one that a test needs decides, and components
that are not listed mean `integration`.
"""
_BY_FOLDER = {"faults": "faults", "packages": "packages", "upgrades": "packages"}
_TEST_PATHS = {
    "integration": (
        "tests/acceptance",
        "tests/adapters",
        "tests/cli",
        "tests/contracts",
        "tests/docs",
        "tests/host",
        "tests/http",
        "tests/misbehaving",
        "tests/security",
        "tests/test_examples.py",
    ),
    "engine": (
        "tests/acceptance",
        "tests/cli/operator/test_first_start.py",
        "tests/cli/operator/test_run_command.py",
        "tests/contracts",
        "tests/dashboard/projects/test_images.py",
        "tests/engine",
        "tests/misbehaving",
    ),
    "browser": ("tests/dashboard",),
    "swarm": ("tests/acceptance", "tests/contracts", "tests/swarm"),
    "faults": ("tests/faults",),
    "packages": ("tests/packages", "tests/upgrades"),
}
"""
The paths of the tests in each suite, because collecting all tests takes 9 seconds.

Tests of the suite `tests` can be anywhere.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--suite`."""
    parser.addoption("--suite", choices=SUITES, help="run only the tests of this suite")


def pytest_configure(config: pytest.Config) -> None:
    """Collect only from paths where the suite has tests, unless the command line names files."""
    places = _TEST_PATHS.get(config.getoption("--suite"))
    if places and config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args = list(places)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Deselect the tests of all other suites.

    Raise UsageError if a test is outside of its suite's paths.
    """
    wanted = config.getoption("--suite")
    if wanted is None:
        return
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        suite = suite_of(item)
        _require_collected(item, suite)
        (chosen if suite == wanted else others).append(item)
    items[:] = chosen
    config.hook.pytest_deselected(items=others)


def suite_of(item: pytest.Item) -> str:
    """Return the name of the only suite that a test belongs to."""
    if marker := item.get_closest_marker("suite"):
        (name,) = marker.args
        if name not in SUITES:
            names = ", ".join(SUITES)
            raise pytest.UsageError(
                f"{item.nodeid}: no suite is named {name!r}. Choose one of {names}."
            )
        return str(name)
    needed = {str(argument) for marker in item.iter_markers("needs") for argument in marker.args}
    if "swarm" in needed:
        return "swarm"
    folder = item.path.relative_to(item.config.rootpath).parts[1]
    if folder in _BY_FOLDER:
        return _BY_FOLDER[folder]
    components = (suite for component, suite in _BY_COMPONENT.items() if component in needed)
    return next(components, "integration" if needed else "tests")


def _require_collected(item: pytest.Item, suite: str) -> None:
    path = item.path.relative_to(item.config.rootpath)
    if not any(path.is_relative_to(place) for place in _TEST_PATHS.get(suite, ("",))):
        raise pytest.UsageError(
            f"{path} has a test of the suite {suite!r}, which does not collect it. "
            "Add the path to _TEST_PATHS in tests/suites.py."
        )
