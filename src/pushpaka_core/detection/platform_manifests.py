"""Environment variables requested in app.json (Heroku) and render.yaml (Render)."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath

from attrs import evolve, frozen

from pushpaka_core.detection.documents import (
    line_of,
    read_json,
    read_yaml,
    repository_path,
    table_at,
    tables,
)
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate
from pushpaka_core.domain.projects.env_vars import check_key, check_value
from pushpaka_core.errors import DetectionError

APP_JSON, RENDER_YAML = "app.json", "render.yaml"

_MAX_ENTRIES = 50
_MAX_SCANNED = 1_000
_MAX_SHOWN = 4


class _ValueSource(StrEnum):
    """The source of a variable's value."""

    GENERATED = "asks Pushpaka to generate"
    DEFAULT = "has a default for"
    REQUIRED = "requires"


@frozen(kw_only=True)
class _Entry:
    """One variable that a file requests."""

    name: str
    value_source: _ValueSource
    value: str = ""


@frozen(kw_only=True)
class _File:
    """The usable entries of one file, and its problems."""

    path: str
    entries: tuple[_Entry, ...] = ()
    problems: tuple[str, ...] = ()


def add_requested_env_vars(plan: BuildPlan, repository: FileTree, root_dir: str) -> BuildPlan:
    """
    Return *plan* with the environment variables that app.json and render.yaml request.

    If pushpaka.toml requires variables, the ones that these files require are ignored. The files
    are written for other platforms, so entries that cannot be used are listed in `rejected` and
    never fail a deployment.
    """
    directories = tuple(dict.fromkeys(str(PurePosixPath(d)) for d in (plan.directory, root_dir)))
    files = (_app_json(repository, directories), _render_yaml(repository, directories))
    entries = {one.name: one for file in reversed(files) for one in file.entries}
    if not entries and not any(file.problems for file in files):
        return plan
    settings = plan.settings
    required = tuple(sorted(one.name for one in _entries_of_kind(entries, _ValueSource.REQUIRED)))
    if not settings.required_env:
        asking = [file.path for file in files if any(one.name in required for one in file.entries)]
        settings = evolve(settings, required_env=required, required_by=" and ".join(asking))
    return evolve(
        plan,
        settings=evolve(
            settings,
            generated_env=tuple(
                sorted(one.name for one in _entries_of_kind(entries, _ValueSource.GENERATED))
            ),
            default_env={
                one.name: one.value for one in _entries_of_kind(entries, _ValueSource.DEFAULT)
            },
        ),
        evidence=(*plan.evidence, *(one for file in files for one in _evidence(repository, file))),
        rejected=(
            *plan.rejected,
            *(
                RejectedCandidate(framework=file.path, reason=text)
                for file in files
                for text in file.problems
            ),
        ),
    )


def _entries_of_kind(entries: Mapping[str, _Entry], kind: _ValueSource) -> Sequence[_Entry]:
    return [one for one in entries.values() if one.value_source is kind]


def _evidence(repository: FileTree, file: _File) -> Iterator[Evidence]:
    for kind in _ValueSource:
        names = [one.name for one in file.entries if one.value_source is kind]
        if names:
            more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
            line = line_of(repository.read(file.path) or "", names[0])
            reason = f"{file.path} {kind} {', '.join(names[:_MAX_SHOWN])}{more}"
            yield Evidence(reason=reason, path=file.path, line=line)


def _app_json(repository: FileTree, directories: Sequence[str]) -> _File:
    paths = (repository_path(directory, APP_JSON) for directory in directories)
    path = next(filter(repository.exists, paths), APP_JSON)
    try:
        env = table_at(read_json(repository, path).get("env"))
    except DetectionError as error:
        return _unreadable_file(path, error)
    return _parsed_file(path, ((name, _heroku_entry(name, entry)) for name, entry in env.items()))


def _heroku_entry(name: str, declaration: object) -> _Entry | None:
    """Return an entry of app.json, or None if it is optional and has no value."""
    settings = table_at(declaration)
    value = settings.get("value") if isinstance(declaration, Mapping) else declaration
    if settings.get("generator") == "secret":
        return _Entry(name=name, value_source=_ValueSource.GENERATED)
    if (text := _scalar_text(value)) is not None:
        return _Entry(name=name, value_source=_ValueSource.DEFAULT, value=text)
    is_optional = settings.get("required", True) is False
    return None if is_optional else _Entry(name=name, value_source=_ValueSource.REQUIRED)


def _render_yaml(repository: FileTree, directories: Sequence[str]) -> _File:
    try:
        document = read_yaml(repository, RENDER_YAML)
    except DetectionError as error:
        return _unreadable_file(RENDER_YAML, error)
    services = [
        service
        for service in tables(document.get("services"))
        if str(PurePosixPath(_scalar_text(service.get("rootDir")) or ".")) in directories
    ]
    if sum(service.get("type") == "web" for service in services) > 1:
        problem = (
            "several web services use this directory, so the environment variables are ignored"
        )
        return _File(path=RENDER_YAML, problems=(problem,))
    groups = {
        _scalar_text(group.get("name")): group.get("envVars")
        for group in tables(document.get("envVarGroups"))
    }
    entries = (
        entry
        for service in services
        for one in tables(service.get("envVars"))
        for entry in tables(groups.get(_scalar_text(one.get("fromGroup")))) or (one,)
    )
    # YAML aliases can expand a short text to a huge number of entries, so their number is limited.
    named = ((_scalar_text(one.get("key")), one) for one in islice(entries, _MAX_SCANNED))
    return _parsed_file(
        RENDER_YAML, ((name, _render_entry(name, one)) for name, one in named if name)
    )


def _render_entry(name: str, item: Mapping[str, object]) -> _Entry:
    """Return an entry of render.yaml. Values that Render itself would fill in are required here."""
    if item.get("generateValue") is True:
        return _Entry(name=name, value_source=_ValueSource.GENERATED)
    if (text := _scalar_text(item.get("value"))) is not None:
        return _Entry(name=name, value_source=_ValueSource.DEFAULT, value=text)
    return _Entry(name=name, value_source=_ValueSource.REQUIRED)


def _parsed_file(path: str, pairs: Iterator[tuple[str, _Entry | None]]) -> _File:
    """Return the usable entries. If a name occurs twice, its first entry counts."""
    entries: dict[str, _Entry] = {}
    problems: dict[str, None] = {}
    for name, entry in islice(pairs, _MAX_ENTRIES):
        try:
            check_key(name)
            check_value(entry.value if entry else "")
        except ValueError as error:
            problems[f"the entry {name[:50]!r} is ignored: it {error}"] = None
            continue
        if entry:
            entries.setdefault(name, entry)
    if next(pairs, None):
        problems[f"only the first {_MAX_ENTRIES} environment variables are read"] = None
    return _File(path=path, entries=tuple(entries.values()), problems=tuple(problems))


def _unreadable_file(path: str, error: DetectionError) -> _File:
    problem = str(error).removesuffix(" Fix the file and push again.")
    return _File(path=path, problems=(f"{problem} Its environment variables are ignored",))


def _scalar_text(value: object) -> str | None:
    """Return a scalar as the value of an environment variable, or None for other types."""
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case _:
            return None
