"""What git's last words mean to the owner of a project."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from signal import SIGXCPU, SIGXFSZ

from pushpaka_core.adapters.git.commands import Result
from pushpaka_core.adapters.git.host_keys import Trust, other_key, unknown_key
from pushpaka_core.adapters.git.remotes import Remote
from pushpaka_core.adapters.git.ssh import Ssh
from pushpaka_core.errors import PlatformFaultError, PushpakaError, SourceError

_UNKNOWN_COMMIT = re.compile(r"not our ref|couldn't find remote ref|remote ref does not exist")
_NEEDS_HISTORY = re.compile(r"unadvertised object|dumb http transport|not support shallow")
_OTHER_HASHES = re.compile(r"^fatal: mismatched algorithms", re.MULTILINE)
_MOST_NAMED = 5
_MOST_COMPARED = 500
_MOST_SAID = 300
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\u1fff\u2c00-\ud7ff]+")
_REFUSED = r"could not read (Username|Password)|Authentication failed|error: 40[13]|Access denied"
_REDIRECTED = r"redirection|error: 30[0-9]|Maximum \(0\) redirects"

_OTHER_HOST_KEY = r"Host key verification failed"
_CHANGED_HOST_KEY = r"REMOTE HOST IDENTIFICATION HAS CHANGED"
_NOT_FOUND_OR_HIDDEN = r"Repository not found|[Cc]ould not be found|not found or access denied"
_NOT_PERMITTED = r"Permission denied \("

_HOST_FAULTS = (
    (
        r"No space left on device|Disk quota exceeded|unable to write file",
        "There is no space left on the platform's disk for the repository.",
    ),
    (
        r"Out of memory|out of memory|Cannot allocate memory|unable to create thread",
        "The platform has too little memory for the repository at the moment.",
    ),
)

# Each is a pattern in the words of git, curl or ssh, and what it means.
_MEANINGS = (
    (
        (
            r"[Rr]epository.* not found|error: 404|not appear to be a git repository"
            r"|info/refs not valid"
        ),
        "There is no repository at this address. Check the repository URL.",
    ),
    (
        (
            r"Connection refused|Failed to connect|Could not connect|No route to host"
            r"|Network is unreachable"
        ),
        "{host} does not accept the connection. Check the repository URL, or try later.",
    ),
    (
        r"[Tt]imed out|too slow|Timeout",
        "{host} answers too slowly. Try again later.",
    ),
    (
        r"[Cc]ertificate|SSL|TLS|gnutls",
        "No secure connection to {host} could be made: its certificate is not accepted.",
    ),
    (
        r"Could not resolve host",
        "The host {host} was not found. Check the repository URL.",
    ),
    (
        r"[Ff]ile too large|died of signal (24|25)",
        "The repository is too large for this instance.",
    ),
)


_ENDED_IN_SILENCE = "fatal: fetch-pack: invalid index-pack output"
"""All that is said when the program that takes the transfer is killed by a limit."""
_UNSOUND = (
    r"File name too long|invalid path|fsck|[Nn]ot a valid object|bad tree",
    "The repository holds something that git refuses to check out.",
)


class UnsoundError(SourceError):
    """Git fails at what was fetched, which may be the fault of what was fetched before."""


class RedirectedError(SourceError):
    """The server says that the repository is somewhere else."""

    def __init__(self, host: str) -> None:
        """Take the host that sends git away."""
        super().__init__(
            f"{host} says that the repository has another address, and redirects are not "
            "followed. Put the present address into the project."
        )


def is_unknown_commit(result: Result) -> bool:
    """Tell whether the server says that it has no such commit."""
    return bool(_UNKNOWN_COMMIT.search(result.errors))


def needs_history(result: Result) -> bool:
    """Tell whether the server gives whole branches only."""
    return bool(_NEEDS_HISTORY.search(result.errors))


def has_other_hashes(result: Result) -> bool:
    """Tell whether the repository counts its objects by hashes of another length."""
    return bool(_OTHER_HASHES.search(_own_words(result)))


def failure(result: Result, remote: Remote) -> PushpakaError:
    """Return the error that says why git failed, and what to do."""
    words = _own_words(result)
    for pattern, sentence in _HOST_FAULTS:
        if re.search(pattern, words):
            return PlatformFaultError(sentence)
    if result.exit.signal in {SIGXFSZ, SIGXCPU} or words == _ENDED_IN_SILENCE:
        return too_large()
    if turned_away := _turned_away(words, remote):
        return turned_away
    for pattern, sentence in _MEANINGS:
        if re.search(pattern, words):
            return SourceError(_with_words(sentence.format(host=_place(remote)), words))
    pattern, sentence = _UNSOUND
    known = sentence if re.search(pattern, words) else "The repository could not be fetched."
    return UnsoundError(_with_words(known, words))


def too_large(what: str = "") -> SourceError:
    """Return the error about a repository beyond a limit; *what* tells which."""
    return SourceError(
        "The repository is too large for this instance" + (f": {what}." if what else ".")
    )


def too_slow(seconds: float) -> SourceError:
    """Return the error about a fetch that was not over in time."""
    return SourceError(
        f"The repository did not arrive within {seconds:g} seconds. "
        "Check that its server answers, or make the repository smaller."
    )


def unknown_branch(branch: str, existing: Sequence[str]) -> SourceError:
    """Return the error about a missing branch, naming those that exist, near names first."""
    if not existing:
        return SourceError("The repository has no branch yet. Push a commit to it first.")
    near = get_close_matches(branch, existing[:_MOST_COMPARED], n=_MOST_NAMED)
    named = [*near, *(name for name in existing if name not in near)][:_MOST_NAMED]
    left = len(existing) - len(named)
    more = f" and {left} more" if left else ""
    return SourceError(
        f"The branch {branch} does not exist. There are: {_printable(', '.join(named))}{more}."
    )


def unknown_commit(sha: str, branch: str) -> SourceError:
    """Return the error about a commit that is not there."""
    return SourceError(
        f"The commit {sha} was not found on the branch {branch}. Check that it was pushed."
    )


def ambiguous_commit(sha: str, branch: str) -> SourceError:
    """Return the error about the beginning of more than one commit's hash."""
    return SourceError(
        f"Several commits of the branch {branch} begin with {sha}. Give more of its digits."
    )


def _refusal(remote: Remote) -> str:
    if remote.token is None:
        return "There is no such repository, or it is private. Check its URL, or set a git_token."
    return (
        f"{_place(remote)} refuses the git token: it is wrong, expired, or may not read "
        "this repository. Set a new git_token."
    )


def _turned_away(words: str, remote: Remote) -> SourceError | None:
    """Return why the server let nobody in, None where it did."""
    if remote.ssh is not None:
        return _ssh_refusal(words, remote, remote.ssh)
    if re.search(_REFUSED, words):
        return SourceError(_refusal(remote))
    return RedirectedError(_place(remote)) if re.search(_REDIRECTED, words) else None


def _ssh_refusal(words: str, remote: Remote, ssh: Ssh) -> SourceError | None:
    """Return why two sides of ssh did not come together, None where they did."""
    if re.search(_OTHER_HOST_KEY, words):
        if ssh.trust is Trust.PINNED and not re.search(_CHANGED_HOST_KEY, words):
            return unknown_key(_place(remote))
        return other_key(_place(remote), ssh.trust)
    if re.search(_NOT_FOUND_OR_HIDDEN, words):
        return SourceError(
            "There is no such repository, or the deploy key may not read it. Check the "
            "repository URL, and to which repository the key was added."
        )
    if re.search(_NOT_PERMITTED, words) and not ssh.has_key:
        return SourceError(
            f"{_place(remote)} wants an ssh key. Make a deploy key for the project, and add its "
            "public half to the repository."
        )
    if re.search(_NOT_PERMITTED, words):
        return SourceError(
            f"{_place(remote)} does not accept the deploy key of the project. Add its public "
            "half to the repository; it needs to read only."
        )
    return None


def _place(remote: Remote) -> str:
    return remote.url.host or "The local repository"


def _own_words(result: Result) -> str:
    """Return what git itself said, without what the server made it say."""
    lines = (line.strip() for line in result.errors.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("remote:"))


def _with_words(sentence: str, words: str) -> str:
    """Return *sentence* with git's last line behind it, made harmless for any terminal."""
    lines = words.splitlines()
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return f"{sentence} (git: {_printable(telling[-1])})" if telling else sentence


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)[:_MOST_SAID].strip()
