"""Writes the Dockerfile of a plan as a person would: few layers, those that change last."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath

from attrs import frozen

from pushpaka_core.detection.steps import detected
from pushpaka_core.domain.build_plans import BuildPlan, Step
from pushpaka_core.domain.instances import WEB
from pushpaka_core.images.recipe import APP, CACHE, Recipe, is_ours, place

CADDY = "caddy:2"
SITE = "/srv/site"
"""Where the files lie that an image serves as they are."""
SITE_CONFIG = "pushpaka-site.json"
"""The file server's configuration, in the context of the build that is called by this name."""
PLATFORM_CONTEXT = "pushpaka"
USER = "65532:65532"
ENV_SECRET = "env"  # noqa: S105 - the name of a secret, not one
"""A secret of the build: the env vars, as a shell reads them."""
ENV_VERSION = "PUSHPAKA_ENV"
"""An argument of the build that changes with the env vars, so that it is built anew with them."""

_STAGES = frozenset({"base", "build", PLATFORM_CONTEXT})
_STANDS_ON = re.compile(r"^(?:FROM |COPY --from=)(\S+)", re.MULTILINE)
_SECRET_PLACE = f"/run/secrets/{ENV_SECRET}"
_WITH_ENV = f"set -a; . {_SECRET_PLACE}; set +a"
_ELSEWHERE = re.compile(r"cd (?P<directory>[\w./-]+) && (?P<command>.+)", re.DOTALL)


@frozen(kw_only=True)
class DockerfileWriter:
    """Turns plans into Dockerfiles for BuildKit."""

    prefix: str = ""
    """Stands before the names of all images that are not made here, as in "mirror.example/"."""

    def write(self, plan: BuildPlan, recipe: Recipe) -> str:
        """Return the text."""
        return "\n".join(self._lines(plan, recipe)) + "\n"

    def _lines(self, plan: BuildPlan, recipe: Recipe) -> Iterator[str]:
        if plan.is_built:
            yield from self._to_build(plan, recipe)
            yield ""
        if plan.static and not plan.processes:
            yield from self._site(plan)
        else:
            yield from self._program(plan, recipe)

    def _to_build(self, plan: BuildPlan, recipe: Recipe) -> Iterator[str]:
        if recipe.run_base is None:
            yield f"FROM {self.prefix}{recipe.base} AS base"
            yield from _to_run(recipe)
            yield ""
        yield f"FROM {'base' if recipe.run_base is None else self.prefix + recipe.base} AS build"
        yield from _env(recipe.env, ())
        yield from _packages(recipe.packages)
        for path, image in recipe.borrowed.items():
            yield f"COPY --from={self.prefix}{image} {path} {path}"
        yield from _run(recipe.tools)
        yield from _without_repeated_places(self._built(plan, recipe))

    def _built(self, plan: BuildPlan, recipe: Recipe) -> Iterator[str]:
        home = PurePosixPath(place(plan.directory))
        yield f"WORKDIR {home}"
        if recipe.manifests and recipe.prefetch:
            yield from _copies(recipe.manifests)
            yield from self._step(home, detected(recipe.prefetch))
        yield f"COPY . {APP}/"
        if plan.install and not (recipe.manifests and recipe.prefetch == plan.install.command):
            yield from self._step(home, plan.install)
        if plan.build:
            yield f"ARG {ENV_VERSION}"
        for step in plan.build:
            yield from self._step(home, step)
        if recipe.finish:
            yield f"WORKDIR {home}"
            yield from _run(recipe.finish)

    def _step(self, home: PurePosixPath, step: Step) -> Iterator[str]:
        elsewhere = _ELSEWHERE.fullmatch(step.command) if is_ours(step) else None
        command = elsewhere["command"] if elsewhere else step.command
        directory = home / elsewhere["directory"] if elsewhere else home
        yield f"WORKDIR {normpath(directory)}"
        yield f"RUN --mount=type=cache,id=pushpaka,target={CACHE},sharing=locked \\"
        yield f"    --mount=type=secret,id={ENV_SECRET},target={_SECRET_PLACE} \\"
        yield f"    {_WITH_ENV}; {command}"

    def _program(self, plan: BuildPlan, recipe: Recipe) -> Iterator[str]:
        if plan.is_built and recipe.run_base is None:
            yield "FROM base"
        else:
            yield f"FROM {self.prefix}{recipe.run_base or recipe.base}"
            yield from _to_run(recipe)
        if plan.is_built:
            yield from (f"COPY --from=build {path} {path}" for path in recipe.kept)
        else:
            yield f"\nCOPY . {APP}/"
        if plan.static:
            yield f"COPY --from={self.prefix}{CADDY} /usr/bin/caddy /usr/bin/caddy"
            yield from _configured()
            yield f"RUN mkdir -p {PurePosixPath(SITE).parent} && ln -s {_of_build(plan)} {SITE}"
        yield f"WORKDIR {working_directory(plan, WEB)}"
        yield f"USER {USER}"
        if recipe.prepare:
            yield f"ENTRYPOINT {_prepared(recipe.prepare)}"
        if web := plan.processes.get(WEB):
            yield f"CMD {_argv(web)}"
        elif plan.static:
            yield f"CMD {_serving()}"

    def _site(self, plan: BuildPlan) -> Iterator[str]:
        files = f"--from=build {_of_build(plan)}/" if plan.is_built else _inside(plan)
        yield f"FROM {self.prefix}{CADDY}"
        yield from _configured()
        yield f"COPY {files} {SITE}/"
        yield f"WORKDIR {SITE}"
        yield f"USER {USER}"
        yield f"CMD {_serving()}"


def working_directory(plan: BuildPlan, process_type: str) -> str:
    """Return where a process of an image runs: what serves files does so among them."""
    serves_files = process_type == WEB and plan.static is not None
    return SITE if serves_files else place(plan.directory)


def images_of(dockerfile: str) -> tuple[str, ...]:
    """Return the images that a Dockerfile of ours stands on or takes programs from."""
    names = dict.fromkeys(_STANDS_ON.findall(dockerfile))
    return tuple(name for name in names if name not in _STAGES)


def site_command() -> tuple[str, ...]:
    """Return what serves the files of a site in its image."""
    return ("caddy", "run", "--config", f"/etc/{SITE_CONFIG}")


def _without_repeated_places(lines: Iterable[str]) -> Iterator[str]:
    """Name the directory only where it is another one than before."""
    place = ""
    for line in lines:
        if line == place:
            continue
        if line.startswith("WORKDIR "):
            place = line
        yield line


def _serving() -> str:
    return json.dumps(site_command())


def _configured() -> Iterator[str]:
    yield f"# {PLATFORM_CONTEXT} is a context of the build, and no stage."
    yield "# hadolint ignore=DL3022"
    yield f"COPY --from={PLATFORM_CONTEXT} {SITE_CONFIG} /etc/{SITE_CONFIG}"


def _inside(plan: BuildPlan) -> str:
    """Return the directory of the site as the context of the build has it."""
    site = plan.static.directory if plan.static else "."
    return f"{PurePosixPath(plan.directory or '.', site)}/"


def _of_build(plan: BuildPlan) -> str:
    site = plan.static.directory if plan.static else "."
    return str(PurePosixPath(place(plan.directory), site))


def _to_run(recipe: Recipe) -> Iterator[str]:
    """Bring what is needed to run."""
    yield from _env(recipe.run_env, recipe.path)
    yield from _packages(recipe.run_packages)
    yield from _run(recipe.run_tools)
    for path, text in recipe.files.items():
        yield f"\nCOPY <<'END' {path}"
        yield f"{text.rstrip()}\nEND"


def _env(env: Mapping[str, str], path: Iterable[str]) -> Iterator[str]:
    places = ":".join(path)
    values = {**env, **({"PATH": f"{places}:$PATH"} if places else {})}
    if values:
        yield "ENV " + " \\\n    ".join(f"{name}={value}" for name, value in values.items())


def _packages(packages: tuple[str, ...]) -> Iterator[str]:
    if packages:
        yield "# The newest packages of this Debian are wanted, with all that was mended in them."
        yield "# hadolint ignore=DL3008"
        yield "RUN apt-get update \\"
        yield f"    && apt-get install -y --no-install-recommends {' '.join(packages)} \\"
        yield "    && rm -rf /var/lib/apt/lists/*"


def _run(commands: tuple[str, ...]) -> Iterator[str]:
    if commands:
        yield "RUN " + " \\\n    && ".join(commands)


def _copies(paths: tuple[str, ...]) -> Iterator[str]:
    """Copy files into the directories in which they lie."""
    directories: dict[str, list[str]] = {}
    for path in paths:
        directories.setdefault(str(PurePosixPath(path).parent), []).append(path)
    for directory, inner in directories.items():
        yield f"COPY {json.dumps([*inner, f'{place(directory)}/'])}"


def _prepared(command: str) -> str:
    """Return what runs a command, and then becomes the process that it is given."""
    return json.dumps(["/bin/sh", "-c", f'{command}; exec "$@"', "sh"])


def _argv(step: Step) -> str:
    return json.dumps(["/bin/sh", "-c", step.command])
