"""What people name in a repository: branches, commits and directories."""

import re

_BRANCH = re.compile(r"[\w./#@+=,%!-]{1,255}")
_SHA = re.compile(r"[0-9a-f]{7,64}")
_ROOT_DIR = re.compile(r"[\w .@+,=~#()\[\]/-]{1,255}")


def check_branch(value: str) -> None:
    """Refuse what git takes for no branch, and what a shell or an option parser takes for more."""
    if not _BRANCH.fullmatch(value):
        raise ValueError(
            "must be the name of a branch: at most 255 letters, digits and - _ . / # @ + = , % !"
        )
    if value in {"HEAD", "@"} or value.startswith(("-", "refs/")):
        raise ValueError("must be the name of a branch, as in main or feature/login")
    if ".." in value or value.endswith("."):
        raise ValueError('must not contain ".." or end with "."')
    if any(_is_bad_component(component) for component in value.split("/")):
        raise ValueError('must not have parts that are empty, begin with "." or end with ".lock"')


def check_commit_sha(value: str) -> None:
    """Refuse everything but a commit's hash or its beginning."""
    if not _SHA.fullmatch(value):
        raise ValueError("must be 7 to 64 lower-case hex digits of a commit")


def check_root_dir(value: str) -> None:
    """Refuse everything but a directory in the repository, "." being the repository itself."""
    if not _ROOT_DIR.fullmatch(value):
        raise ValueError(
            "must be a directory in the repository: at most 255 letters, digits, "
            "spaces and - _ . / @ + , = ~ # ( ) [ ]"
        )
    if value.startswith(("/", "~")):
        raise ValueError("must be relative to the repository, as in apps/web")
    parts = value.removesuffix("/").split("/")
    if any(part.strip() in {"", ".."} or part.lower() == ".git" for part in parts):
        raise ValueError('must not have parts that are empty, ".." or ".git"')
    if any(part.startswith("-") for part in parts):
        raise ValueError('must not have parts that begin with "-"')


def _is_bad_component(component: str) -> bool:
    return not component or component.startswith(".") or component.endswith(".lock")
