"""Loads the encryption keys of an instance."""

from pathlib import Path

from pushpaka_core.adapters.security.keys import KEY_FILE, PlatformKeys, load_keys
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings.settings import Settings


def key_file_of(settings: Settings) -> Path:
    """Return the path of the key file in the data directory."""
    return settings.data_directory / KEY_FILE


def known_keys(settings: Settings) -> PlatformKeys | None:
    """
    Return the encryption keys from the settings or the key file, or None if neither exists. Blocks.

    Keys from the settings come without a signing key.

    Raises:
        SettingsError: If the key file is damaged or cannot be read.
    """
    if (given := settings.encryption_keys) is not None:
        return PlatformKeys(signing_key=b"", encryption_keys=given, current_key=next(iter(given)))
    path = key_file_of(settings)
    try:
        return load_keys(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"The key file {path} cannot be read: {error.strerror}. Check its owner and "
            "permissions."
        ) from None
