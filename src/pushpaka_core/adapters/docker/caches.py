"""What the builds of a project keep for the next ones, and for nobody else's."""


def kept_apart(caches: str) -> tuple[str, str]:
    """Return arguments of a build that put *caches* before the id of each of its cache mounts."""
    return ("--build-arg", f"BUILDKIT_CACHE_MOUNT_NS={caches}")


def is_of(caches: str, description: str) -> bool:
    """Tell whether what BuildKit describes is a cache mount of builds that were kept apart so."""
    _, _, mount = description.rpartition(' with id "')
    return mount.removeprefix("/").startswith((f'{caches}"', f"{caches}/"))
