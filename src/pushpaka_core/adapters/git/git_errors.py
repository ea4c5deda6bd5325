"""Translates error messages from git into errors for the project's owner."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from signal import SIGXCPU, SIGXFSZ

from pushpaka_core.adapters.git.commands import GitResult
from pushpaka_core.adapters.git.host_keys import HostKeyTrust, changed_key_error, unpinned_key_error
from pushpaka_core.adapters.git.remotes import Remote
from pushpaka_core.adapters.git.ssh import SshConfig
from pushpaka_core.errors import PlatformFaultError, PushpakaError, SourceError

_UNKNOWN_COMMIT = re.compile(r"not our ref|couldn't find remote ref|remote ref does not exist")
_NEEDS_HISTORY = re.compile(r"unadvertised object|dumb http transport|not support shallow")
_HASH_MISMATCH = re.compile(r"^fatal: mismatched algorithms", re.MULTILINE)
_MAX_SUGGESTIONS = 5
_MAX_COMPARED = 500
_MAX_MESSAGE_LENGTH = 300
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\u1fff\u2c00-\ud7ff]+")
_AUTHENTICATION_FAILED = (
    r"could not read (Username|Password)|Authentication failed|error: 40[13]|Access denied"
)
_REDIRECTED = r"redirection|error: 30[0-9]|Maximum \(0\) redirects"

_HOST_KEY_REJECTED = r"Host key verification failed"
_CHANGED_HOST_KEY = r"REMOTE HOST IDENTIFICATION HAS CHANGED"
_NOT_FOUND_OR_HIDDEN = r"Repository not found|[Cc]ould not be found|not found or access denied"
_PERMISSION_DENIED = r"Permission denied \("

_HOST_FAULTS = (
    (
        r"No space left on device|Disk quota exceeded|unable to write file",
        (
            "There is no space left on the platform's disk for the repository. Ask the operator of "
            "this instance to free some space."
        ),
    ),
    (
        r"Out of memory|out of memory|Cannot allocate memory|unable to create thread",
        (
            "The platform does not have enough memory for the repository at the moment. Deploy "
            "again later."
        ),
    ),
)

# Patterns in messages of git, curl and ssh, and their meaning.
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
        "{host} cannot be reached. Check the repository URL, or try again later.",
    ),
    (
        r"[Tt]imed out|too slow|Timeout",
        "{host} responds too slowly. Try again later.",
    ),
    (
        r"[Cc]ertificate|SSL|TLS|gnutls",
        (
            "The TLS certificate of {host} was not accepted. Fix the certificate, or ask the "
            "operator to trust its issuer."
        ),
    ),
    (
        r"Could not resolve host",
        "The host {host} was not found. Check the repository URL.",
    ),
    (
        r"[Ff]ile too large|died of signal (24|25)",
        "The repository is too large for this instance. Remove large or generated files.",
    ),
)


_KILLED_INDEX_PACK = "fatal: fetch-pack: invalid index-pack output"
"""Git's only message if a limit kills the process that receives the objects."""
_UNSOUND_OBJECTS = (
    r"File name too long|invalid path|fsck|[Nn]ot a valid object|bad tree",
    "The repository contains a file name or an object that git rejects. Check it with `git fsck`.",
)

_NOT_FETCHED = "The repository could not be fetched. Check the repository URL, or try again later."


class UnsoundRepositoryError(SourceError):
    """Git cannot process the fetched objects, possibly because of a damaged mirror."""


class RedirectedError(SourceError):
    """The server redirects to another repository URL."""

    def __init__(self, host: str) -> None:
        """Create the error for a redirect by *host*."""
        super().__init__(
            f"{host} redirects to another repository URL, and redirects are not followed. Set the "
            "new repository URL in the project."
        )


def is_unknown_commit(result: GitResult) -> bool:
    """Return True if the server does not have the commit."""
    return bool(_UNKNOWN_COMMIT.search(result.errors))


def needs_history(result: GitResult) -> bool:
    """Return True if the server does not serve single commits, so that the history is needed."""
    return bool(_NEEDS_HISTORY.search(result.errors))


def has_hash_mismatch(result: GitResult) -> bool:
    """Return True if the repository uses another hash algorithm than the local one."""
    return bool(_HASH_MISMATCH.search(_git_messages(result)))


def require_success(result: GitResult, remote: Remote) -> None:
    """Raise SourceError or PlatformFaultError unless the command succeeded."""
    if not result.exit.succeeded:
        raise error_for(result, remote)


def error_for(result: GitResult, remote: Remote) -> PushpakaError:
    """Return the error for a failed git command, with its cause and a remedy."""
    stderr = _git_messages(result)
    if fault := _host_fault(stderr):
        return fault
    if result.exit.signal in {SIGXFSZ, SIGXCPU} or stderr == _KILLED_INDEX_PACK:
        return too_large_error()
    if turned_away := _access_error(stderr, remote):
        return turned_away
    for pattern, sentence in _MEANINGS:
        if re.search(pattern, stderr):
            return SourceError(_with_git_message(sentence.format(host=_host_of(remote)), stderr))
    pattern, unsound = _UNSOUND_OBJECTS
    is_unsound = re.search(pattern, stderr)
    sentence = unsound if is_unsound else _NOT_FETCHED
    return UnsoundRepositoryError(_with_git_message(sentence, stderr))


def too_large_error(exceeded_limit: str = "") -> SourceError:
    """Return the error for a repository that exceeds a limit; *exceeded_limit* names the limit."""
    reason = f": {exceeded_limit}" if exceeded_limit else ""
    return SourceError(
        f"The repository is too large for this instance{reason}. Remove large or generated files."
    )


def too_slow_error(seconds: float) -> SourceError:
    """Return the error for a fetch that took longer than *seconds*."""
    return SourceError(
        f"The repository was not fetched within {seconds:g} seconds. "
        "Check that its server responds, or make the repository smaller."
    )


def unknown_branch_error(branch: str, existing_branches: Sequence[str]) -> SourceError:
    """Return the error for a missing branch. It lists existing branches, similar ones first."""
    if not existing_branches:
        return SourceError("The repository has no branch yet. Push a commit to it first.")
    matches = get_close_matches(branch, existing_branches[:_MAX_COMPARED], n=_MAX_SUGGESTIONS)
    named = [*matches, *(name for name in existing_branches if name not in matches)][
        :_MAX_SUGGESTIONS
    ]
    left = len(existing_branches) - len(named)
    more = f" and {left} more" if left else ""
    return SourceError(
        f"The branch {branch} does not exist. Existing branches: "
        f"{_printable(', '.join(named))}{more}. Choose one of them, or push the branch first."
    )


def unknown_commit_error(sha: str, branch: str) -> SourceError:
    """Return the error for a missing commit."""
    return SourceError(
        f"The commit {sha} was not found on the branch {branch}. Check that it was pushed."
    )


def ambiguous_commit_error(sha: str, branch: str) -> SourceError:
    """Return the error for an abbreviated hash that matches several commits."""
    return SourceError(
        f"Several commits of the branch {branch} start with {sha}. Use a longer hash."
    )


def _host_fault(stderr: str) -> PlatformFaultError | None:
    """Return the error if the host is short of disk space or memory, or None."""
    found = (
        PlatformFaultError(text) for pattern, text in _HOST_FAULTS if re.search(pattern, stderr)
    )
    return next(found, None)


def _authentication_error(remote: Remote) -> str:
    if remote.token is None:
        return "The repository does not exist or is private. Check its URL, or set a git_token."
    return (
        f"{_host_of(remote)} rejected the Git token: it is wrong, has expired, or gives no access "
        "to this repository. Set a new git_token."
    )


def _access_error(stderr: str, remote: Remote) -> SourceError | None:
    """Return the error if the server denied access, or None."""
    if remote.ssh is not None:
        return _ssh_error(stderr, remote, remote.ssh)
    if re.search(_AUTHENTICATION_FAILED, stderr):
        return SourceError(_authentication_error(remote))
    return RedirectedError(_host_of(remote)) if re.search(_REDIRECTED, stderr) else None


def _ssh_error(stderr: str, remote: Remote, ssh_config: SshConfig) -> SourceError | None:
    """Return the error if the ssh connection or login failed, or None."""
    if re.search(_HOST_KEY_REJECTED, stderr):
        if ssh_config.trust is HostKeyTrust.PINNED and not re.search(_CHANGED_HOST_KEY, stderr):
            return unpinned_key_error(_host_of(remote))
        return changed_key_error(_host_of(remote), ssh_config.trust)
    if re.search(_NOT_FOUND_OR_HIDDEN, stderr):
        return SourceError(
            "The repository does not exist, or the deploy key has no access to it. Check the "
            "repository URL, and add the key to this repository."
        )
    if re.search(_PERMISSION_DENIED, stderr) and not ssh_config.has_key:
        return SourceError(
            f"{_host_of(remote)} requires an SSH key. Create a deploy key for the project, and add "
            "its public key to the repository."
        )
    if re.search(_PERMISSION_DENIED, stderr):
        return SourceError(
            f"{_host_of(remote)} rejected the project's deploy key. Add its public key to the "
            "repository, with read access."
        )
    return None


def _host_of(remote: Remote) -> str:
    return remote.url.host or "The local repository"


def _git_messages(result: GitResult) -> str:
    """Return git's own messages, without those sent by the server."""
    lines = (line.strip() for line in result.errors.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("remote:"))


def _with_git_message(sentence: str, stderr: str) -> str:
    """Append git's last message to *sentence*, safe for any terminal."""
    lines = stderr.splitlines()
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return f"{sentence} (git: {_printable(telling[-1])})" if telling else sentence


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text)[:_MAX_MESSAGE_LENGTH].strip()
