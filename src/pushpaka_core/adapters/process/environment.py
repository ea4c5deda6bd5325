"""What programs of a project find in their environment."""

from collections.abc import Mapping
from pathlib import Path

from pushpaka_core.adapters.process.releases import Release

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def program_env(
    release: Release, *, tools: Path, private: Path, env: Mapping[str, str]
) -> dict[str, str]:
    """Return *env* with what every program needs; its home is in the directory *private*."""
    return {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **env,
        "PATH": f"{release.venv}/bin:{tools}:{_SYSTEM_PATH}",
        "VIRTUAL_ENV": str(release.venv),
        "HOME": str(private / "home"),
        "TMPDIR": str(private / "tmp"),
    }


def build_env(release: Release, cache: Path) -> dict[str, str]:
    """Return what ties uv to this release and its environment."""
    return {
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": "hardlink",
        "UV_NO_PROGRESS": "1",
        "UV_PROJECT_ENVIRONMENT": str(release.venv),
        "UV_PYTHON": f"{release.venv}/bin/python",
        "UV_PYTHON_DOWNLOADS": "never",
    }
