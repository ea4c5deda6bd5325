"""What programs of a project find in their environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from pushpaka_core.adapters.process.releases import Release

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_NPM_CONFIGURATIONS = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")


def program_env(
    release: Release, *, directory: str, tools: Path, private: Path, env: Mapping[str, str]
) -> dict[str, str]:
    """
    Return *env* with what every program needs; its home is in the directory *private*.

    Programs of packages are found as npm finds them: those of *directory*, then
    those of what is around it.
    """
    around = [release.app / directory, *(release.app / directory).parents]
    inner = [path / "node_modules/.bin" for path in around if path.is_relative_to(release.app)]
    places = (release.venv / "bin", *inner, release.programs, tools, SYSTEM_PATH)
    return {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **env,
        "PATH": ":".join(map(str, places)),
        "VIRTUAL_ENV": str(release.venv),
        "HOME": str(private / "home"),
        "TMPDIR": str(private / "tmp"),
    }


def build_env(release: Release, cache: Path) -> dict[str, str]:
    """Return what ties installers to this release, and to what they have fetched before."""
    return {
        "XDG_CACHE_HOME": str(cache),
        **_uv_env(release, cache),
        **_node_env(release, cache),
    }


def npm_configuration() -> dict[str, str]:
    """Return what shows npm the settings of this host, wherever the npm comes from."""
    found = next((path for path in _NPM_CONFIGURATIONS if os.access(path, os.R_OK)), None)
    return {"npm_config_globalconfig": found} if found else {}


def _uv_env(release: Release, cache: Path) -> dict[str, str]:
    return {
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": "hardlink",
        "UV_NO_PROGRESS": "1",
        "UV_PROJECT_ENVIRONMENT": str(release.venv),
        "UV_PYTHON": f"{release.venv}/bin/python",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def _node_env(release: Release, cache: Path) -> dict[str, str]:
    """Keep in the release what it needs at run time, and what is installed globally."""
    return {
        "BUN_INSTALL_CACHE_DIR": str(cache / "bun"),
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
        "PNPM_HOME": str(cache / "pnpm"),
        "YARN_ENABLE_GLOBAL_CACHE": "false",
        "YARN_GLOBAL_FOLDER": str(cache / "yarn"),
        "npm_config_audit": "false",
        "npm_config_cache": str(cache / "npm"),
        "npm_config_fund": "false",
        "npm_config_logs_max": "0",
        "npm_config_prefix": str(release.venv),
        "npm_config_update_notifier": "false",
        **npm_configuration(),
        **_headers(release),
    }


def _headers(release: Release) -> dict[str, str]:
    """Return where the headers are with which native packages are compiled, if Node has some."""
    directory = (release.programs / "node").resolve().parents[1]
    has_some = (directory / "include/node/node.h").is_file()
    return {"npm_config_nodedir": str(directory)} if has_some else {}
