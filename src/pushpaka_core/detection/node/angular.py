"""Angular: which application of angular.json its build is for, and where that goes."""

import re
from collections.abc import Mapping, Sequence
from posixpath import join, normpath

from attrs import frozen

from pushpaka_core.detection.documents import inside, table
from pushpaka_core.detection.node.answers import Answer, Site, own_server, started
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.scripts import all_words
from pushpaka_core.detection.node.sites import INDEX, flag_of_build
from pushpaka_core.domain.build_plans import Evidence, Rejected, StaticSite

FILE = "angular.json"

_DIRECT_BUILDERS = re.compile(r":(?:browser|browser-esbuild)$")
_Build = Mapping[str, object]


@frozen(kw_only=True)
class _Application:
    """One application of angular.json, as it is built."""

    name: str
    build: _Build


def angular(project: NodeProject) -> Answer:
    """Serve what the application of angular.json is built to, or start its server."""
    found = _application(project)
    if not isinstance(found, _Application):
        return own_server(project) or found
    options = table(found.build, "options")
    base, browser = angular_output(found.name, found.build)
    reason = f"the application {found.name} is built to {base}"
    evidence = Evidence(reason=reason, path=inside(project.directory, FILE))
    is_static = options.get("outputMode") == "static"
    if options.get("ssr") and not is_static:
        server = f"{base}/server/server.mjs"
        command = project.manager.node(server)
        return started(project, command, f"node {server}", evidence=(evidence,))
    if server_of_project := own_server(project):
        return server_of_project
    return Site(
        site=StaticSite(
            directory=normpath(join(base, browser)), fallback=None if is_static else INDEX
        ),
        evidence=(evidence,),
    )


def angular_output(name: str, build: _Build) -> tuple[str, str]:
    """Return where the build of an application goes, and which part of it browsers get."""
    output = table(build, "options").get("outputPath")
    is_direct = bool(_DIRECT_BUILDERS.search(str(build.get("builder", ""))))
    browser = "." if is_direct else "browser"
    match output:
        case str(base):
            return normpath(base), browser
        case {"base": str(base), "browser": str(inner_directory)}:
            return normpath(base), inner_directory or "."
        case {"base": str(base)}:
            return normpath(base), browser
        case _:
            return f"dist/{name}", browser


def _application(project: NodeProject) -> _Application | Rejected | None:
    """Return the application that the build is for, or why that is not known."""
    document = read_relaxed_json(project.repository, inside(project.directory, FILE))
    builds = {
        name: build
        for name, one in table(document, "projects").items()
        if table(one).get("projectType", "application") == "application"
        and (build := table(one, "architect", "build") or table(one, "targets", "build"))
    }
    named = _named_by_build(project) or document.get("defaultProject")
    name = next((one for one in builds if one == named or len(builds) == 1), None)
    if name:
        return _Application(name=name, build=_configured(project, builds[name]))
    return _several(sorted(builds)) if builds else None


def _several(names: Sequence[str]) -> Rejected:
    reason = (
        f"{FILE} has the applications {', '.join(names)}, and the build names none of them:"
        f" write a script build with `ng build {names[0]}` for the one that is meant"
    )
    return Rejected(framework="angular", reason=reason)


def _named_by_build(project: NodeProject) -> str | None:
    """Return the application that the build script names."""
    for words in _calls(project):
        match words:
            case ("ng", "build" | "b", str(name), *_) if not name.startswith("-"):
                return name.partition(":")[0]
    return flag_of_build(project, ("--project",))


def _configured(project: NodeProject, build: _Build) -> _Build:
    """Return *build* with the options of the configuration that it is built in."""
    is_old = any("--prod" in words for words in _calls(project))
    told = flag_of_build(project, ("-c", "--configuration"))
    name = told or (None if is_old else build.get("defaultConfiguration")) or "production"
    options = {**table(build, "options"), **table(build, "configurations", str(name))}
    output = flag_of_build(project, ("--output-path",))
    return {**build, "options": {**options, **({"outputPath": output} if output else {})}}


def _calls(project: NodeProject) -> Sequence[tuple[str, ...]]:
    name = build_script(project)
    return all_words(project.manifest, name) if name else ()
