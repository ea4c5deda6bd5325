"""That this process has the keys with which the secrets of its instance are encrypted."""

from collections.abc import Collection

from pushpaka_core.errors import SettingsError
from pushpaka_core.ports.storage import Storage


async def require_keys(storage: Storage, known: Collection[str]) -> None:
    """
    Pass only where every stored secret can be read by one of the *known* keys.

    Raises:
        SettingsError: If one is missing: what this process would encrypt nobody else could read.
    """
    async with storage.snapshot() as uow:
        used = await uow.secrets.count_by_key()
    missing = sorted(used.keys() - set(known))
    if missing:
        raise SettingsError(
            f"Stored secrets are encrypted with keys that are not here: {', '.join(missing)}. Set "
            "PUSHPAKA_ENCRYPTION_KEYS as the other processes of this instance have it, or bring "
            "keys.json back into the data directory."
        )
