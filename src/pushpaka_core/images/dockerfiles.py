"""Writes Dockerfiles with few layers. The layers that change most often come last."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath

from attrs import frozen

from pushpaka_core.detection.steps import detected_step
from pushpaka_core.domain.instances.instances import WEB_PROCESS_TYPE
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep
from pushpaka_core.images.caddy_config import output_fallback_command
from pushpaka_core.images.recipe import APP, CACHE, ImageRecipe, image_path, is_detected

CADDY = "caddy:2"
SITE = "/srv/site"
"""The directory of the static files that an image serves."""
SITE_CONFIG = "pushpaka-site.json"
"""The name of the Caddy configuration in the platform's build context."""
PLATFORM_CONTEXT = "pushpaka"
USER = "65532:65532"
ENV_SECRET = "env"  # noqa: S105 - the name of a secret, not its value
"""The name of the build secret that holds the environment variables, as shell assignments."""
ENV_VERSION = "PUSHPAKA_ENV"
"""
The name of a build argument whose value changes with the environment variables, to invalidate the
build cache.
"""

_STAGES = frozenset({"base", "build", PLATFORM_CONTEXT})
_BASE_IMAGE = re.compile(r"^(?:FROM |COPY --from=)(\S+)", re.MULTILINE)
_SECRET_PLACE = f"/run/secrets/{ENV_SECRET}"
_WITH_ENV = f"set -a; . {_SECRET_PLACE}; set +a"
_CD_COMMAND = re.compile(r"cd (?P<directory>[\w./-]+) && (?P<command>.+)", re.DOTALL)


@frozen(kw_only=True)
class DockerfileWriter:
    """Turns build plans into Dockerfiles for BuildKit."""

    prefix: str = ""
    """A prefix for the names of all pulled images, for example "mirror.example/"."""

    def write(self, plan: BuildPlan, recipe: ImageRecipe) -> str:
        """Return the text of the Dockerfile for *plan*."""
        return "\n".join(self._lines(plan, recipe)) + "\n"

    def _lines(self, plan: BuildPlan, recipe: ImageRecipe) -> Iterator[str]:
        if plan.needs_build:
            yield from self._build_stage(plan, recipe)
            yield ""
        if plan.static and not plan.processes:
            yield from self._site_stage(plan)
        else:
            yield from self._run_stage(plan, recipe)

    def _build_stage(self, plan: BuildPlan, recipe: ImageRecipe) -> Iterator[str]:
        if recipe.run_base is None:
            yield f"FROM {self.prefix}{recipe.base} AS base"
            yield from _runtime_setup(recipe)
            yield ""
        yield f"FROM {'base' if recipe.run_base is None else self.prefix + recipe.base} AS build"
        yield from _env_instruction(recipe.env, ())
        yield from _package_installation(recipe.packages)
        for path, image in recipe.copied_programs.items():
            yield f"COPY --from={self.prefix}{image} {path} {path}"
        yield from _run_instruction(recipe.tools)
        yield from _without_repeated_workdirs(self._build_steps(plan, recipe))

    def _build_steps(self, plan: BuildPlan, recipe: ImageRecipe) -> Iterator[str]:
        home = PurePosixPath(image_path(plan.directory))
        yield f"WORKDIR {home}"
        if recipe.manifests and recipe.install_from_manifests:
            yield from _copy_instructions(recipe.manifests)
            yield from self._step(home, detected_step(recipe.install_from_manifests))
        yield f"COPY . {APP}/"
        if plan.install and not (
            recipe.manifests and recipe.install_from_manifests == plan.install.command
        ):
            yield from self._step(home, plan.install)
        if plan.build:
            yield f"ARG {ENV_VERSION}"
        for step in plan.build:
            yield from self._step(home, step)
        if plan.static and plan.build:
            yield f"WORKDIR {home}"
            yield from _run_instruction((output_fallback_command(plan.static),))
        if recipe.after_build:
            yield f"WORKDIR {home}"
            yield from _run_instruction(recipe.after_build)

    def _step(self, home: PurePosixPath, step: BuildStep) -> Iterator[str]:
        elsewhere = _CD_COMMAND.fullmatch(step.command) if is_detected(step) else None
        command = elsewhere["command"] if elsewhere else step.command
        directory = home / elsewhere["directory"] if elsewhere else home
        yield f"WORKDIR {normpath(directory)}"
        yield f"RUN --mount=type=cache,id=pushpaka,target={CACHE},sharing=locked \\"
        yield f"    --mount=type=secret,id={ENV_SECRET},target={_SECRET_PLACE} \\"
        yield f"    {_WITH_ENV}; {command}"

    def _run_stage(self, plan: BuildPlan, recipe: ImageRecipe) -> Iterator[str]:
        if plan.needs_build and recipe.run_base is None:
            yield "FROM base"
        else:
            yield f"FROM {self.prefix}{recipe.run_base or recipe.base}"
            yield from _runtime_setup(recipe)
        if plan.needs_build:
            yield from (f"COPY --from=build {path} {path}" for path in recipe.kept_paths)
        else:
            yield f"\nCOPY . {APP}/"
        if plan.static:
            yield f"COPY --from={self.prefix}{CADDY} /usr/bin/caddy /usr/bin/caddy"
            yield from _copy_site_config()
            yield (
                f"RUN mkdir -p {PurePosixPath(SITE).parent} && ln -s {_site_in_build(plan)} {SITE}"
            )
        yield f"WORKDIR {working_directory(plan, WEB_PROCESS_TYPE)}"
        yield f"USER {USER}"
        if recipe.entry_command:
            yield f"ENTRYPOINT {_entrypoint(recipe.entry_command)}"
        if web := plan.processes.get(WEB_PROCESS_TYPE):
            yield f"CMD {_shell_argv(web)}"
        elif plan.static:
            yield f"CMD {_site_command_json()}"

    def _site_stage(self, plan: BuildPlan) -> Iterator[str]:
        files = (
            f"--from=build {_site_in_build(plan)}/" if plan.needs_build else _site_in_context(plan)
        )
        yield f"FROM {self.prefix}{CADDY}"
        yield from _copy_site_config()
        yield f"COPY {files} {SITE}/"
        yield f"WORKDIR {SITE}"
        yield f"USER {USER}"
        yield f"CMD {_site_command_json()}"


def working_directory(plan: BuildPlan, process_type: str) -> str:
    """Return the working directory of a process, which is the site directory for a static site."""
    serves_files = process_type == WEB_PROCESS_TYPE and plan.static is not None
    return SITE if serves_files else image_path(plan.directory)


def base_images(dockerfile: str) -> tuple[str, ...]:
    """Return the images that a generated Dockerfile builds on or copies from."""
    names = dict.fromkeys(_BASE_IMAGE.findall(dockerfile))
    return tuple(name for name in names if name not in _STAGES)


def site_command() -> tuple[str, ...]:
    """Return the command that serves a static site in its image."""
    return ("caddy", "run", "--config", f"/etc/{SITE_CONFIG}")


def _without_repeated_workdirs(lines: Iterable[str]) -> Iterator[str]:
    """Yield *lines* without WORKDIR lines that repeat the current directory."""
    place = ""
    for line in lines:
        if line == place:
            continue
        if line.startswith("WORKDIR "):
            place = line
        yield line


def _site_command_json() -> str:
    return json.dumps(site_command())


def _copy_site_config() -> Iterator[str]:
    yield f"# {PLATFORM_CONTEXT} is an additional build context, not a stage."
    yield "# hadolint ignore=DL3022"
    yield f"COPY --from={PLATFORM_CONTEXT} {SITE_CONFIG} /etc/{SITE_CONFIG}"


def _site_in_context(plan: BuildPlan) -> str:
    """Return the directory of the site within the build context."""
    site = plan.static.directory if plan.static else "."
    return f"{PurePosixPath(plan.directory or '.', site)}/"


def _site_in_build(plan: BuildPlan) -> str:
    site = plan.static.directory if plan.static else "."
    return str(PurePosixPath(image_path(plan.directory), site))


def _runtime_setup(recipe: ImageRecipe) -> Iterator[str]:
    """Yield the lines that prepare the runtime environment."""
    yield from _env_instruction(recipe.run_env, recipe.path_directories)
    yield from _package_installation(recipe.run_packages)
    yield from _run_instruction(recipe.run_tools)
    for path, text in recipe.files.items():
        yield f"\nCOPY <<'END' {path}"
        yield f"{text.rstrip()}\nEND"


def _env_instruction(env: Mapping[str, str], path_directories: Iterable[str]) -> Iterator[str]:
    places = ":".join(path_directories)
    values = {**env, **({"PATH": f"{places}:$PATH"} if places else {})}
    if values:
        yield "ENV " + " \\\n    ".join(f"{name}={value}" for name, value in values.items())


def _package_installation(packages: tuple[str, ...]) -> Iterator[str]:
    if packages:
        yield "# Versions are not pinned, so that the image gets the latest security fixes."
        yield "# hadolint ignore=DL3008"
        yield "RUN apt-get update \\"
        yield f"    && apt-get install -y --no-install-recommends {' '.join(packages)} \\"
        yield "    && rm -rf /var/lib/apt/lists/*"


def _run_instruction(commands: tuple[str, ...]) -> Iterator[str]:
    if commands:
        yield "RUN " + " \\\n    && ".join(commands)


def _copy_instructions(paths: tuple[str, ...]) -> Iterator[str]:
    """Yield instructions that copy files to the corresponding directories of the image."""
    directories: dict[str, list[str]] = {}
    for path in paths:
        directories.setdefault(str(PurePosixPath(path).parent), []).append(path)
    for directory, inner in directories.items():
        yield f"COPY {json.dumps([*inner, f'{image_path(directory)}/'])}"


def _entrypoint(command: str) -> str:
    """Return an entrypoint that runs *command* and then executes the process in its place."""
    return json.dumps(["/bin/sh", "-c", f'{command}; exec "$@"', "sh"])


def _shell_argv(step: BuildStep) -> str:
    return json.dumps(["/bin/sh", "-c", step.command])
