"""Build contexts: the Dockerfile, the ignored files, the source policy and the build secrets."""

import hmac
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath

from attrs import evolve, field, frozen

from pushpaka_core.adapters.docker.own_dockerfiles import require_allowed_dockerfile, source_policy
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.images.caddy_config import site_config
from pushpaka_core.images.dockerfiles import (
    ENV_SECRET,
    ENV_VERSION,
    PLATFORM_CONTEXT,
    SITE_CONFIG,
    DockerfileWriter,
    base_images,
)
from pushpaka_core.images.languages import image_recipe
from pushpaka_core.ports.builder import BuildRequest

_DOCKERFILE_NAME = "Dockerfile"
_POLICY_FILE = "policy.json"
_POLICY_VARIABLE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
_ALWAYS_IGNORED = (".git", "**/node_modules", "**/.venv", "**/__pycache__", "**/.DS_Store")
_MAX_DOCKERFILE_BYTES = 1024 * 1024


@frozen(kw_only=True)
class BuildContext:
    """Arguments for `docker buildx build`."""

    arguments: tuple[str, ...]
    key: str
    """A hash of the files, the plan and the environment variables."""
    images: tuple[str, ...] = ()
    """Base images to pull first. BuildKit itself pulls those of a repository's own Dockerfile."""
    env: Mapping[str, str] = field(factory=dict)
    """Environment variables for buildx."""


@frozen(kw_only=True)
class BuildContexts:
    """Prepares build contexts. All methods block."""

    _salt: bytes = field(repr=False)
    """
    A secret that is hashed together with the environment variables, so that their values cannot be
    guessed from the hash.
    """
    _tree_of: Callable[[Path], FileTree]
    _registry_prefix: str = ""

    def prepare(self, request: BuildRequest, directory: Path, *, image_prefix: str) -> BuildContext:
        """
        Return a build context, after writing the files that it needs besides the checkout.

        The files are written to *directory*. The source policy denies pulling images whose names
        begin with *image_prefix*, the prefix of all images built by this instance.

        Raises:
            BuildError: If the repository's own Dockerfile cannot be used.
        """
        policy = directory / _POLICY_FILE
        policy.write_text(source_policy(image_prefix))
        return evolve(self._context(request, directory), env={_POLICY_VARIABLE: str(policy)})

    def _context(self, request: BuildRequest, directory: Path) -> BuildContext:
        if own := request.plan.dockerfile:
            return self._own_dockerfile_context(request, own, directory)
        writer = DockerfileWriter(prefix=self._registry_prefix)
        tree = self._tree_of(request.directory)
        text = writer.write(request.plan, image_recipe(request.plan, tree))
        return self._generated_context(request, text, directory, tree)

    def _generated_context(
        self, request: BuildRequest, text: str, directory: Path, tree: FileTree
    ) -> BuildContext:
        dockerfile, extra = directory / _DOCKERFILE_NAME, directory / PLATFORM_CONTEXT
        ignored = [tree.read(".dockerignore") or "", *_ALWAYS_IGNORED]
        env = {"LOGNAME": "root", "USER": "root", **request.env}
        secrets = "".join(f"{k}={shlex.quote(v)}\n" for k, v in env.items())
        extra.mkdir()
        dockerfile.write_text(text)
        dockerfile.with_name(f"{_DOCKERFILE_NAME}.dockerignore").write_text("\n".join(ignored))
        if request.plan.static:
            (extra / SITE_CONFIG).write_text(site_config(request.plan.static))
        (directory / ENV_SECRET).write_text(secrets)
        return BuildContext(
            arguments=(
                *("--file", str(dockerfile)),
                *("--build-context", f"{PLATFORM_CONTEXT}={extra}"),
                *_secret_arguments(ENV_SECRET, directory / ENV_SECRET),
                *("--build-arg", f"{ENV_VERSION}={self._env_digest(request.env)}"),
                str(request.directory),
            ),
            key=self._key(request, text),
            images=base_images(text),
        )

    def _own_dockerfile_context(
        self, request: BuildRequest, own_dockerfile: RepositoryDockerfile, directory: Path
    ) -> BuildContext:
        context = _path_inside(request, own_dockerfile.context or ".")
        if not context.is_dir():
            raise BuildError(
                f"The directory {own_dockerfile.context} does not exist in the repository. Check"
                " its spelling."
            )
        path = _path_inside(request, own_dockerfile.path)
        text = _read(path, own_dockerfile.path)
        target = ("--target", own_dockerfile.target) if own_dockerfile.target else ()
        secrets = _write_secrets(request.env, directory)
        return BuildContext(
            arguments=("--file", str(path), *target, *secrets, str(context)),
            key=self._key(request, text),
        )

    def _key(self, request: BuildRequest, dockerfile: str) -> str:
        parts = [dockerfile, repr(request.plan.dockerfile), repr(request.plan.static)]
        parts += [self._env_digest(request.env), str(request.project_number)]
        parts += [digest_of(request.directory)]
        return sha256("\0".join(parts).encode()).hexdigest()

    def _env_digest(self, env: Mapping[str, str]) -> str:
        document = json.dumps(sorted(env.items())).encode()
        return hmac.new(self._salt, document, sha256).hexdigest()[:32]


def digest_of(directory: Path) -> str:
    """Return a hash of the names, modes and contents of all files below *directory*."""
    whole = sha256()
    for path in _files(directory):
        facts = path.lstat()
        whole.update(os.fsencode(path.relative_to(directory)))
        whole.update(f"\0{facts.st_mode & 0o111:o}\0".encode())
        if path.is_symlink():
            whole.update(os.fsencode(path.readlink()))
        else:
            with path.open("rb") as file:
                whole.update(file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _write_secrets(env: Mapping[str, str], directory: Path) -> Iterator[str]:
    """
    Write each variable to a file and yield the `--secret` arguments for the file.

    Passing variables through the client's environment instead could change how buildx itself
    behaves.
    """
    for number, (name, value) in enumerate(env.items()):
        file = directory / f"secret-{number}"
        file.write_text(value)
        yield from _secret_arguments(name, file)


def _secret_arguments(name: str, file: Path) -> tuple[str, str]:
    # Docker parses the value of the option as a line of CSV.
    source = str(file).replace('"', '""')
    return "--secret", f'id={name},"src={source}"'


def _files(directory: Path) -> Iterator[Path]:
    for place, directories, names in os.walk(directory):
        directories.sort()
        links = [name for name in directories if Path(place, name).is_symlink()]
        paths = (Path(place, name) for name in sorted([*names, *links]))
        yield from (path for path in paths if path.is_symlink() or path.is_file())


def _path_inside(request: BuildRequest, path: str) -> Path:
    """
    Return the path of a file of the application.

    Raise BuildError if the path leads outside the repository or to a symbolic link.
    """
    root = request.directory
    inner = root / PurePosixPath(request.plan.directory or ".") / path
    resolved = inner.resolve()
    if not resolved.is_relative_to(root.resolve()) or inner.is_symlink():
        raise BuildError(f"{path[:100]} is outside the repository. Use a path inside it.")
    return inner


def _read(path: Path, display_name: str) -> str:
    if not path.is_file():
        raise BuildError(
            f"{display_name[:100]} does not exist in the repository. Check its spelling."
        )
    if path.stat().st_size > _MAX_DOCKERFILE_BYTES:
        raise BuildError(
            f"{display_name[:100]} is larger than {_MAX_DOCKERFILE_BYTES // 1024} KiB. Shorten it."
        )
    text = path.read_text(errors="replace")
    require_allowed_dockerfile(text, display_name)
    return text
