"""Where settings come from: the names of an environment, and the user whose it is."""

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pushpaka_core import setting_values
from pushpaka_core.errors import SettingsError

PREFIX = "PUSHPAKA_"
_FAILPOINT, _TIMING = "PUSHPAKA_TEST_FAILPOINT", "PUSHPAKA_TEST_TIMING"
"""Read though they are for tests: what goes wrong, and whether the clockwork is fast."""
_MARK = "PUSHPAKA_PROCESS"
"""What programs carry that Pushpaka has started, another Pushpaka among them."""
_PASSED_OVER = ("PUSHPAKA_TEST_", "PUSHPAKA_CLIENT_")

_HOST_ENV = frozenset(
    {
        *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
        *("all_proxy", "https_proxy", "http_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("PIP_CERT", "PIP_INDEX_URL", "PIP_FIND_LINKS"),
        *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS"),
        *("NODE_EXTRA_CA_CERTS", "NPM_CONFIG_REGISTRY", "npm_config_registry"),
        *("BUN_CONFIG_REGISTRY", "YARN_NPM_REGISTRY_SERVER"),
    }
)
"""What builds may see of the platform's own environment: proxies, certificates, indexes."""

Parse = Callable[[str], Any]


def read_settings(environ: Mapping[str, str], parsers: Mapping[str, Parse]) -> dict[str, Any]:
    """
    Return what *environ* sets, by the names that *parsers* have.

    Raises:
        SettingsError: If a name is unknown or a value cannot be used; it names the setting.
    """
    fields = {f"{PREFIX}{field.upper()}": field for field in parsers}
    given = {name: text for name, text in environ.items() if _is_ours(name)}
    for name in given:
        if name not in fields:
            raise SettingsError(_unknown(name, fields))
    return {
        fields[name]: _parsed(parsers[fields[name]], name, text) for name, text in given.items()
    }


def read_for_tests(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what a test wants to be otherwise, by the fields of the settings."""
    wanted: dict[str, Any] = {}
    if text := environ.get(_FAILPOINT):
        wanted["failpoint"] = _parsed(setting_values.failpoint, _FAILPOINT, text)
    if text := environ.get(_TIMING):
        wanted["is_fast"] = _parsed(setting_values.word("fast"), _TIMING, text) == "fast"
    return wanted


def read_host_env(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return what builds may see of *environ*."""
    return {name: environ[name] for name in _HOST_ENV if name in environ}


def usual_data_directory(environ: Mapping[str, str]) -> Path:
    """
    Return where this user's programs keep their data.

    Raises:
        SettingsError: If the user has no home.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/pushpaka")
    home, data = environ.get("HOME"), environ.get("XDG_DATA_HOME")
    if not (home or data):
        raise SettingsError("There is no HOME. Set PUSHPAKA_DATA_DIRECTORY to a directory.")
    return Path(data or f"{home}/.local/share") / "pushpaka"


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and name != _MARK and not name.startswith(_PASSED_OVER)


def _parsed(parse: Parse, name: str, text: str) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{name} {error}.") from None


def _unknown(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{name} is not a known setting.{hint}"
