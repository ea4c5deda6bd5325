"""What BuildKit is given: a Dockerfile, what it must not see, and the secrets of the build."""

import hmac
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath

from attrs import evolve, field, frozen

from pushpaka_core.adapters.docker.own_dockerfiles import check_dockerfile, source_policy
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.images.dockerfiles import (
    ENV_SECRET,
    ENV_VERSION,
    PLATFORM_CONTEXT,
    SITE_CONFIG,
    DockerfileWriter,
    images_of,
)
from pushpaka_core.images.languages import recipe_of
from pushpaka_core.images.sites import site_config
from pushpaka_core.ports.builder import BuildRequest

_NAME = "Dockerfile"
_POLICY = "policy.json"
_POLICY_AT = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
_NEVER_NEEDED = (".git", "**/node_modules", "**/.venv", "**/__pycache__", "**/.DS_Store")
_MOST_BYTES = 1024 * 1024


@frozen(kw_only=True)
class Context:
    """What `docker buildx build` is told of one build."""

    arguments: tuple[str, ...]
    key: str
    """The same for the same files, the same plan and the same env vars."""
    images: tuple[str, ...] = ()
    """What has to be fetched first; BuildKit fetches what a repository's own Dockerfile names."""
    env: Mapping[str, str] = field(factory=dict)
    """What the command line has to see."""


@frozen(kw_only=True)
class Contexts:
    """Prepares the contexts of builds; blocks."""

    _salt: bytes = field(repr=False)
    """Makes what is told of env vars worthless to whoever reads it in an image."""
    _tree_of: Callable[[Path], FileTree]
    _prefix: str = ""

    def prepare(self, request: BuildRequest, directory: Path, *, own: str) -> Context:
        """
        Write into *directory* what the build of a request needs beside its files.

        No image is fetched for it whose name begins with *own*, as those of all projects do.

        Raises:
            BuildError: If the repository's own Dockerfile cannot be used.
        """
        policy = directory / _POLICY
        policy.write_text(source_policy(own))
        return evolve(self._context(request, directory), env={_POLICY_AT: str(policy)})

    def _context(self, request: BuildRequest, directory: Path) -> Context:
        if own := request.plan.dockerfile:
            return self._of_own(request, own, directory)
        writer = DockerfileWriter(prefix=self._prefix)
        tree = self._tree_of(request.directory)
        text = writer.write(request.plan, recipe_of(request.plan, tree))
        return self._of_written(request, text, directory, tree)

    def _of_written(
        self, request: BuildRequest, text: str, directory: Path, tree: FileTree
    ) -> Context:
        dockerfile, extra = directory / _NAME, directory / PLATFORM_CONTEXT
        ignored = [tree.read(".dockerignore") or "", *_NEVER_NEEDED]
        secrets = "".join(f"{k}={shlex.quote(v)}\n" for k, v in request.env.items())
        extra.mkdir()
        dockerfile.write_text(text)
        dockerfile.with_name(f"{_NAME}.dockerignore").write_text("\n".join(ignored))
        if request.plan.static:
            (extra / SITE_CONFIG).write_text(site_config(request.plan.static))
        (directory / ENV_SECRET).write_text(secrets)
        return Context(
            arguments=(
                *("--file", str(dockerfile)),
                *("--build-context", f"{PLATFORM_CONTEXT}={extra}"),
                *("--secret", f"id={ENV_SECRET},src={directory / ENV_SECRET}"),
                *("--build-arg", f"{ENV_VERSION}={self._version(request.env)}"),
                str(request.directory),
            ),
            key=self._key(request, text),
            images=images_of(text),
        )

    def _of_own(self, request: BuildRequest, own: OwnDockerfile, directory: Path) -> Context:
        context = _inner(request, own.context or ".")
        if not context.is_dir():
            raise BuildError(
                f"There is no directory {own.context} in the repository. Check its spelling."
            )
        path = _inner(request, own.path)
        text = _read(path, own.path)
        target = ("--target", own.target) if own.target else ()
        secrets = _secrets(request.env, directory)
        return Context(
            arguments=("--file", str(path), *target, *secrets, str(context)),
            key=self._key(request, text),
        )

    def _key(self, request: BuildRequest, dockerfile: str) -> str:
        told = [dockerfile, repr(request.plan.dockerfile), repr(request.plan.static)]
        told += [self._version(request.env), str(request.project_number)]
        told += [digest_of(request.directory)]
        return sha256("\0".join(told).encode()).hexdigest()

    def _version(self, env: Mapping[str, str]) -> str:
        told = json.dumps(sorted(env.items())).encode()
        return hmac.new(self._salt, told, sha256).hexdigest()[:32]


def digest_of(directory: Path) -> str:
    """Return a hash over the names, modes and contents of all files below *directory*."""
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


def _secrets(env: Mapping[str, str], directory: Path) -> Iterator[str]:
    """Yield what tells of env vars in files: the environment of the client itself is not theirs."""
    for number, (name, value) in enumerate(env.items()):
        file = directory / f"secret-{number}"
        file.write_text(value)
        yield from ("--secret", f"id={name},src={file}")


def _files(directory: Path) -> Iterator[Path]:
    for place, directories, names in os.walk(directory):
        directories.sort()
        links = [name for name in directories if Path(place, name).is_symlink()]
        paths = (Path(place, name) for name in sorted([*names, *links]))
        yield from (path for path in paths if path.is_symlink() or path.is_file())


def _inner(request: BuildRequest, path: str) -> Path:
    """Return a path below the application, which must not lead out of the repository."""
    root = request.directory
    inner = root / PurePosixPath(request.plan.directory or ".") / path
    resolved = inner.resolve()
    if not resolved.is_relative_to(root.resolve()) or inner.is_symlink():
        raise BuildError(f"{path[:100]} leads out of the repository. Name a path inside it.")
    return inner


def _read(path: Path, shown: str) -> str:
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise BuildError(f"There is no {shown[:100]} in the repository. Check its spelling.")
    text = path.read_text(errors="replace")
    check_dockerfile(text, shown)
    return text
