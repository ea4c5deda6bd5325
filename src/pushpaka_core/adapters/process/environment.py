"""Environment variables for builds and running programs of a project."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from pushpaka_core.adapters.process.releases import Release
from pushpaka_core.domain.instances.instances import APP_USER_NAME

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_NPM_CONFIGURATIONS = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")


def program_env(
    release: Release,
    *,
    uid: int | None,
    directory: str,
    tools: Path,
    private_directory: Path,
    env: Mapping[str, str],
) -> dict[str, str]:
    """
    Return *env* with the variables that every program needs.

    PATH finds executables of packages as npm does: those of *directory* first, then those of its
    parents.

    Args:
        release: The release whose programs are run.
        uid: The project's user, or None for the platform's own user.
        directory: The plan's directory in the repository.
        tools: The directory of the tools that all projects share.
        private_directory: The directory that contains `home` and `tmp`, which become HOME and
            TMPDIR.
        env: More variables. PATH, VIRTUAL_ENV, HOME and TMPDIR in it are overridden.
    """
    around = [release.app / directory, *(release.app / directory).parents]
    inner = [path / "node_modules/.bin" for path in around if path.is_relative_to(release.app)]
    places = (release.venv / "bin", *inner, release.programs, tools, SYSTEM_PATH)
    return {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **dict.fromkeys(("LOGNAME", "USER"), _user_name(uid)),
        **env,
        "PATH": ":".join(map(str, places)),
        "VIRTUAL_ENV": str(release.venv),
        "HOME": str(private_directory / "home"),
        "TMPDIR": str(private_directory / "tmp"),
    }


def _user_name(uid: int | None) -> str:
    """Return the name of a user, or a fixed name if the user has no passwd entry."""
    try:
        return pwd.getpwuid(os.geteuid() if uid is None else uid).pw_name
    except KeyError:
        return APP_USER_NAME


def build_env(release: Release, cache: Path) -> dict[str, str]:
    """Return variables that make installers use this release's directories and the given cache."""
    return {
        "XDG_CACHE_HOME": str(cache),
        **_uv_env(release, cache),
        **_node_env(release, cache),
    }


def npm_config_env() -> dict[str, str]:
    """
    Return the environment variable that points any npm to the global npmrc of this host, if there
    is one.
    """
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
    """Return settings that keep run-time files and global installs in the release."""
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
        **npm_config_env(),
        **_node_headers_env(release),
    }


def _node_headers_env(release: Release) -> dict[str, str]:
    """Return the variable that points native addons to Node's C headers, if Node includes them."""
    directory = (release.programs / "node").resolve().parents[1]
    has_some = (directory / "include/node/node.h").is_file()
    return {"npm_config_nodedir": str(directory)} if has_some else {}
