"""Git repositories on disk that a test commits to."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from attrs import frozen


@frozen
class Repository:
    """A repository with a work tree, whose branch is `main` at first."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make an empty repository at *path*."""
        path.mkdir(parents=True)
        made = cls(path)
        made.git("init", "--quiet", "--initial-branch=main")
        return made

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git in the repository and return what it prints."""
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

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Write *files*, commit everything, and return the commit's hash."""
        for name, content in (files or {}).items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
