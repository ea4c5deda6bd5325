"""How buildx is run: by itself where it is found, and else by the docker command."""

from pathlib import Path

_PLUGINS = tuple(
    Path(f"{place}/docker/cli-plugins/docker-buildx")
    for place in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
)
"""Where the docker command looks for it, in the order in which it does."""

UNTRACED = {"BUILDX_GIT_INFO": "0"}
"""What has buildx run no git: what it builds is no repository any more."""


def find_buildx(docker: Path) -> tuple[str, ...]:
    """Return what runs buildx; the docker command would first ask each plugin what it is."""
    found = next((plugin for plugin in _PLUGINS if plugin.is_file()), None)
    return (str(docker), "buildx") if found is None else (str(found),)
