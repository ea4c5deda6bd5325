"""Reads settings from environment variables."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pushpaka_core.domain.logs.redaction import quoted
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings import values

PREFIX = "PUSHPAKA_"
_FAILPOINT_VARIABLE, _TIMING_VARIABLE = "PUSHPAKA_TEST_FAILPOINT", "PUSHPAKA_TEST_TIMING"
"""The environment variables of the settings for tests: a fault to inject, and faster timings."""
_OTHER_NAMES = frozenset({"PUSHPAKA_PROCESS", "PUSHPAKA_PROJECT"})
"""
Environment variables that are not settings: the variable that marks all programs started by
Pushpaka (even another Pushpaka), and the default project of the command line.
"""
_IGNORED_PREFIXES = ("PUSHPAKA_TEST_", "PUSHPAKA_CLIENT_")
_CREDENTIALS = re.compile("[:/].*@", re.DOTALL)
"""Matches a URL that may contain a password."""

_HOST_ENV = frozenset(
    {
        *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
        *("all_proxy", "https_proxy", "http_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("PIP_CERT", "PIP_INDEX_URL", "PIP_FIND_LINKS"),
        *("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS"),
        *("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL"),
        *("NODE_EXTRA_CA_CERTS", "NPM_CONFIG_REGISTRY", "npm_config_registry"),
        *("BUN_CONFIG_REGISTRY", "YARN_NPM_REGISTRY_SERVER"),
    }
)
"""The platform's environment variables that builds see: proxies, certificates, package indexes."""

Parse = Callable[[str], Any]


def read_settings(
    environ: Mapping[str, str], parsers: Mapping[str, Parse], *, secret_fields: Collection[str] = ()
) -> dict[str, Any]:
    """
    Return the settings in *environ*, by field name.

    Args:
        environ: Environment variables.
        parsers: The parser of each field, by field name.
        secret_fields: The fields whose values error messages must not contain.

    Raises:
        SettingsError: If a name is unknown or a value is invalid. The message names the setting.
    """
    fields = {f"{PREFIX}{field.upper()}": field for field in parsers}
    given = {name: text for name, text in environ.items() if _is_own_setting(name)}
    for name in given:
        if name not in fields:
            raise SettingsError(_unknown_setting_message(name, fields))
    return {
        field: _parse(parsers[field], name, text, is_secret=field in secret_fields)
        for name, text in given.items()
        if (field := fields[name])
    }


def read_test_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings for tests in *environ*, by field name."""
    settings: dict[str, Any] = {}
    if text := environ.get(_FAILPOINT_VARIABLE):
        settings["failpoint"] = _parse(values.failpoint, _FAILPOINT_VARIABLE, text)
    if text := environ.get(_TIMING_VARIABLE):
        settings["fast_silence"] = _parse(values.fast_lease_timeout, _TIMING_VARIABLE, text)
    return settings


def read_host_env(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables of *environ* that builds see."""
    return {name: environ[name] for name in _HOST_ENV if name in environ}


def default_data_directory(environ: Mapping[str, str]) -> Path:
    """
    Return the default data directory of the current user.

    Raises:
        SettingsError: If the user has no home directory.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/pushpaka")
    home, data = environ.get("HOME"), environ.get("XDG_DATA_HOME")
    if not (home or data):
        raise SettingsError("HOME is not set. Set PUSHPAKA_DATA_DIRECTORY to an absolute path.")
    return Path(data or f"{home}/.local/share") / "pushpaka"


def _is_own_setting(name: str) -> bool:
    return (
        name.startswith(PREFIX)
        and name not in _OTHER_NAMES
        and not name.startswith(_IGNORED_PREFIXES)
    )


def _parse(parse: Parse, name: str, text: str, *, is_secret: bool = False) -> object:
    try:
        return parse(text)
    except ValueError as error:
        is_shown = not is_secret and _CREDENTIALS.search(text) is None
        value = f", but is {quoted(text)}" if is_shown else ""
        raise SettingsError(f"{name} {error}{value}.") from None


def _unknown_setting_message(name: str, known_names: Mapping[str, object]) -> str:
    matches = get_close_matches(name, known_names, n=1)
    hint = f"Did you mean {matches[0]}?" if matches else "Correct its name, or unset it."
    return f"{name} is not a known setting. {hint}"
