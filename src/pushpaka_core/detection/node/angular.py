"""Angular: the application in angular.json that is built, and its output directory."""

import re
from collections.abc import Mapping, Sequence
from posixpath import join, normpath

from attrs import frozen

from pushpaka_core.detection.documents import repository_path, table_at
from pushpaka_core.detection.node.builds import build_script
from pushpaka_core.detection.node.documents import read_relaxed_json
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import RuleResult, Site, own_server, start_server
from pushpaka_core.detection.node.scripts import script_commands
from pushpaka_core.detection.node.sites import INDEX, build_flag_value
from pushpaka_core.domain.pipeline.build_plans import Evidence, RejectedCandidate, StaticSite

FILE = "angular.json"

_DIRECT_BUILDERS = re.compile(r":(?:browser|browser-esbuild)$")
_Build = Mapping[str, object]


@frozen(kw_only=True)
class _Application:
    """One application in angular.json with its build target."""

    name: str
    build: _Build


def plan_angular(project: NodeProject) -> RuleResult:
    """Return the server or the site that the build of the application in angular.json creates."""
    found = _application(project)
    if not isinstance(found, _Application):
        return own_server(project) or found
    options = table_at(found.build, "options")
    base, browser = angular_output(found.name, found.build)
    reason = f"the build of {found.name} writes to {base}"
    evidence = Evidence(reason=reason, path=repository_path(project.directory, FILE))
    is_static = options.get("outputMode") == "static"
    if options.get("ssr") and not is_static:
        server = f"{base}/server/server.mjs"
        command = project.manager.run_node(server)
        return start_server(project, command, f"node {server}", evidence=(evidence,))
    if server_of_project := own_server(project):
        return server_of_project
    return Site(
        site=StaticSite(
            directory=normpath(join(base, browser)), fallback=None if is_static else INDEX
        ),
        evidence=(evidence,),
    )


def angular_output(name: str, build: _Build) -> tuple[str, str]:
    """Return the output directory of a build target, and its subdirectory for browsers."""
    output = table_at(build, "options").get("outputPath")
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


def _application(project: NodeProject) -> _Application | RejectedCandidate | None:
    """Return the application that is built, or the reason why that is unclear."""
    document = read_relaxed_json(project.repository, repository_path(project.directory, FILE))
    builds = {
        name: build
        for name, one in table_at(document, "projects").items()
        if table_at(one).get("projectType", "application") == "application"
        and (build := table_at(one, "architect", "build") or table_at(one, "targets", "build"))
    }
    named = _name_in_build_script(project) or document.get("defaultProject")
    name = next((one for one in builds if one == named or len(builds) == 1), None)
    if name:
        return _Application(name=name, build=_with_configuration(project, builds[name]))
    return _ambiguity(sorted(builds)) if builds else None


def _ambiguity(application_names: Sequence[str]) -> RejectedCandidate:
    reason = (
        f"{FILE} has the applications {', '.join(application_names)}, and the build selects none"
        f" of them. Add a build script such as `ng build {application_names[0]}` for the"
        " application to deploy"
    )
    return RejectedCandidate(framework="angular", reason=reason)


def _name_in_build_script(project: NodeProject) -> str | None:
    """Return the application that the build script names."""
    for words in _build_commands(project):
        match words:
            case ("ng", "build" | "b", str(name), *_) if not name.startswith("-"):
                return name.partition(":")[0]
    return build_flag_value(project, ("--project",))


def _with_configuration(project: NodeProject, build: _Build) -> _Build:
    """Return *build* with the options of the configuration that is built."""
    is_old = any("--prod" in words for words in _build_commands(project))
    configuration = build_flag_value(project, ("-c", "--configuration"))
    name = configuration or (None if is_old else build.get("defaultConfiguration")) or "production"
    options = {**table_at(build, "options"), **table_at(build, "configurations", str(name))}
    output = build_flag_value(project, ("--output-path",))
    return {**build, "options": {**options, **({"outputPath": output} if output else {})}}


def _build_commands(project: NodeProject) -> Sequence[tuple[str, ...]]:
    name = build_script(project)
    return script_commands(project.manifest, name) if name else ()
