"""Git repositories on disk that tests commit to."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from attrs import frozen


@frozen
class Repository:
    """A repository with a work tree, whose first branch is `main`."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> Self:
        """Create an empty repository at *path*."""
        path.mkdir(parents=True)
        made = cls(path)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git in the repository, and return its output."""
        program = shutil.which("git") or "git"
        identity = ("-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            [program, *identity, *arguments],
            cwd=self.path,
            check=True,
            capture_output=True,
            input=stdin,
        )
        return done.stdout.decode().strip()

    def replace(self, message: str, files: Mapping[str, str]) -> str:
        """Replace all files with *files*, commit, and return the hash of the commit."""
        self.git("rm", "-r", "--quiet", "--ignore-unmatch", ".")
        return self.commit(message, files)

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Write *files*, commit everything, and return the hash of the commit."""
        for name, content in (files or {}).items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
