"""Which files of a working tree a commit of all of it would have."""

from pathlib import Path, PurePosixPath

from attrs import frozen

from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.processes import Command, Descriptor, OutputChunk, Processes

_LISTING = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


@frozen(kw_only=True)
class WorkingTree:
    """A directory under version control."""

    root: Path

    @classmethod
    def around(cls, directory: Path) -> "WorkingTree | None":
        """Return the innermost one that *directory* is in, or None where it is in none."""
        places = (directory, *directory.parents)
        found = next((place for place in places if (place / ".git").exists()), None)
        return None if found is None else cls(root=found)

    def inner(self, directory: Path) -> str:
        """Return where *directory* lies in it; empty for the root itself."""
        place = PurePosixPath(directory.relative_to(self.root))
        return "" if place == PurePosixPath() else str(place)

    async def paths(self, processes: Processes, git: Path) -> list[str]:
        """
        Return the paths of what is tracked and of what is not ignored.

        Raises:
            PlatformFaultError: If git refuses.
        """
        printed: dict[Descriptor, bytearray] = {each: bytearray() for each in Descriptor}

        async def keep(chunk: OutputChunk) -> None:
            printed[chunk.descriptor].extend(chunk.data)

        command = Command(
            argv=[str(git), *_LISTING],
            directory=self.root,
            env={**_ENVIRONMENT, "PATH": f"{git.parent}:/usr/bin:/bin", "HOME": str(Path.home())},
        )
        ended = await processes.run(command, on_output=keep)
        if not ended.succeeded:
            said = printed[Descriptor.STDERR].decode(errors="replace").strip()
            raise PlatformFaultError(f"The files cannot be listed: git {ended.words}. {said}")
        return printed[Descriptor.STDOUT].decode(errors="surrogateescape").rstrip("\0").split("\0")
