"""
All errors that Pushpaka raises on purpose, grouped by what the caller can do about them.

    PushpakaError
    ├── InvalidInputError           correct the named fields and retry
    ├── NotAuthenticatedError       sign in again
    ├── NotAllowedError             ask someone with more permissions
    ├── NotFoundError               check the id, and who can view it
    ├── ConflictError               check the current state, then decide
    │   ├── DuplicateError          choose another value
    │   ├── InvalidTransitionError  the deployment is past this point
    │   ├── PlanFailedError         fix the repository or the project
    │   ├── QuotaReachedError       delete something first
    │   ├── StaleEntityError        changed in the meantime: read it again
    │   └── SupersededError         nothing to do: a newer deployment is active
    ├── TooManyRequestsError        wait, then retry
    │   └── ArchiveQuotaError       or upload less
    ├── UnavailableError            wait, then retry: a part of the platform is down
    │   ├── StorageUnavailableError
    │   ├── RouterUnavailableError
    │   ├── RuntimeUnavailableError
    │   ├── ReceiverUnavailableError
    │   └── DnsLookupError
    ├── LeaseLostError              stop: the work or the node belongs to another process
    ├── DeploymentFailedError       fix the repository or the project
    │   ├── SourceError             the commit could not be fetched
    │   ├── DetectionError          nothing to deploy was detected
    │   ├── MissingEnvVarsError     required environment variables are not set
    │   ├── EnvVarNotGeneratedError a generated environment variable cannot be stored
    │   ├── BuildError              a build command failed
    │   │   └── BuildTimeoutError   the build took too long
    │   ├── VolumeMountError        a volume cannot be mounted
    │   ├── StartError              the application did not become healthy
    │   └── PhaseTimeoutError       a phase did not end in time
    ├── PlatformFaultError          the host is at fault, not the owner: retry
    │   └── DecryptionError         restore the row, or set the secret again
    ├── SettingsError               fix the configuration and start again
    │   └── DataDirectoryInUseError stop the other server, or use another directory
    └── DeliveryRejectedError        give up: the message cannot be delivered

This module imports nothing, so that every other module can import it.
"""


class PushpakaError(Exception):
    """The base class of all errors that Pushpaka raises on purpose. Never raised itself."""


class InvalidInputError(PushpakaError):
    """One or more fields are invalid. All problems are reported at once."""

    def __init__(self, problems: "dict[str, str]") -> None:
        """
        Create the error.

        Args:
            problems: A clause for each invalid field, for example "must be a number", by field
                name.
        """
        super().__init__("; ".join(f"{field}: {text}" for field, text in problems.items()))
        self.problems = problems


class NotAuthenticatedError(PushpakaError):
    """The caller is not authenticated."""


class NotAllowedError(PushpakaError):
    """The caller does not have the required permission."""


class NotFoundError(PushpakaError):
    """
    The requested resource does not exist or is not visible to the caller.

    The two cases are not distinguished, so that callers do not learn which resources exist.
    """

    def __init__(self, resource: str) -> None:
        """Create the error for a kind of resource, for example "project"."""
        super().__init__(f"There is no such {resource}, or you do not have access to it.")
        self.resource = resource


class ConflictError(PushpakaError):
    """The request is valid, but conflicts with the current state."""


class DuplicateError(ConflictError):
    """A value that must be unique is taken."""

    def __init__(self, field: str) -> None:
        """Create the error for a unique field, for example "project name"."""
        super().__init__(f"This {field} is already taken. Use a different one.")
        self.field = field


class InvalidTransitionError(ConflictError):
    """A deployment cannot change from its current status to the requested one."""

    def __init__(self, current_status: str, target: str) -> None:
        """Create the error for the current and the requested status."""
        super().__init__(
            f"The deployment is {current_status} and cannot become {target}. Reload it to see its "
            "status."
        )
        self.current = current_status
        self.target = target


class PlanFailedError(ConflictError):
    """A deployment would fail before its build. The message is that of the failure."""


class QuotaReachedError(ConflictError):
    """A user has reached a quota."""

    def __init__(self, limit: int, resources: str, remedy: str) -> None:
        """
        Create the error.

        Args:
            limit: The quota.
            resources: The limited resources, in the plural, for example "projects".
            remedy: What the user can do, as a sentence without the final period.
        """
        super().__init__(
            f"You have reached the limit of {limit} {resources}. {remedy}, or ask the operator of "
            "this instance for more."
        )


class StaleEntityError(ConflictError):
    """Another transaction has changed the entity since it was read."""

    def __init__(self, entity: str) -> None:
        """Create the error for a kind of entity, for example "project"."""
        super().__init__(f"The {entity} has been changed in the meantime. Reload it and try again.")


class SupersededError(ConflictError):
    """A newer deployment of the same target is already active."""

    def __init__(self) -> None:
        """Create the error with its fixed message."""
        super().__init__(
            "A newer deployment is already active. To use this version, deploy its commit again."
        )


class TooManyRequestsError(PushpakaError):
    """A rate limit has been reached."""

    def __init__(self, retry_after: int, message: str = "") -> None:
        """
        Create the error.

        Args:
            retry_after: The number of seconds after which the caller can retry.
            message: A message that replaces the default one.
        """
        super().__init__(message or f"Too many requests. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class ArchiveQuotaError(TooManyRequestsError):
    """All archives of the user are in use, so there is no room for another archive."""

    def __init__(self, retry_after: int, limit: int) -> None:
        """
        Create the error.

        Args:
            retry_after: The number of seconds after which the caller can retry.
            limit: The quota in bytes.
        """
        super().__init__(
            retry_after,
            f"With this archive, your archives would exceed their total limit of {limit:,} bytes."
            " Wait until your other uploads and deployments are done, upload fewer files, or ask"
            " the operator to raise the limit.",
        )


class UnavailableError(PushpakaError):
    """A part of the platform is down. The operation can be retried."""


class StorageUnavailableError(UnavailableError):
    """The database does not respond, is locked for too long, or is full."""


class RouterUnavailableError(UnavailableError):
    """The router does not confirm its route table."""


class RuntimeUnavailableError(UnavailableError):
    """The build engine or the runtime does not respond."""


class ReceiverUnavailableError(UnavailableError):
    """An external server does not accept a message at the moment."""


class DeliveryRejectedError(PushpakaError):
    """An external server rejected a message for good, or must not be contacted."""


class DnsLookupError(UnavailableError):
    """No name server gave an answer."""

    def __init__(self, name: str) -> None:
        """Create the error for the name that was looked up."""
        super().__init__(
            f"The DNS lookup for {name} failed: no name server responds. Try again later."
        )
        self.name = name


class LeaseLostError(PushpakaError):
    """The lease is no longer valid: another process holds the deployment or the node."""

    def __init__(self, subject: str) -> None:
        """
        Create the error.

        Args:
            subject: The object of the lease, for example "deployment" or "node web-1".
        """
        super().__init__(
            f"This process does not hold the lease on the {subject}: the lease has expired, or "
            "another process holds it."
        )


class DeploymentFailedError(PushpakaError):
    """A deployment failed. The message states the reason and the remedy."""

    last_lines: tuple[str, ...] = ()
    """The last lines of the program's output, which the log already contains."""

    @property
    def message_with_output(self) -> str:
        """Return the message, followed by the last lines of output."""
        return "\n".join([str(self), *self.last_lines])


class SourceError(DeploymentFailedError):
    """The source code could not be fetched."""


class DetectionError(DeploymentFailedError):
    """Nothing that can be deployed was detected in the repository."""


class MissingEnvVarsError(DeploymentFailedError):
    """Environment variables that the repository requires are not set."""

    def __init__(self, names: "tuple[str, ...]", target: str, required_by: str) -> None:
        """
        Create the error.

        Args:
            names: The names of the missing variables.
            target: The target of the deployment.
            required_by: The file that requires them.
        """
        verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
        super().__init__(
            f"{', '.join(names)} {verb} required by {required_by} but not set for {target}."
            f" Set {them} and deploy again."
        )


class EnvVarNotGeneratedError(DeploymentFailedError):
    """A secret that the repository asks Pushpaka to generate cannot be stored."""

    def __init__(self, names: "tuple[str, ...]", reason: str, remedy: str) -> None:
        """
        Create the error.

        Args:
            names: The names of the variables.
            reason: The reason, as a clause.
            remedy: What the user can do, as a sentence without its final period.
        """
        super().__init__(f"{', '.join(names)} cannot be generated: {reason}. {remedy}.")


class BuildError(DeploymentFailedError):
    """A build command failed or exceeded a limit."""


class BuildTimeoutError(BuildError):
    """A build took too long."""

    def __init__(self, minutes: float) -> None:
        """Create the error for a timeout in minutes."""
        super().__init__(
            f"The build took longer than {minutes:g} min and was stopped. Make it faster,"
            " or ask the operator of this instance for a longer timeout."
        )


class VolumeMountError(DeploymentFailedError):
    """A volume of the release does not exist anymore, or cannot be mounted."""


class StartError(DeploymentFailedError):
    """The application exited or did not become healthy in time."""


class PhaseTimeoutError(DeploymentFailedError):
    """A phase did not end in time and was aborted."""

    def __init__(self, phase: str, seconds: float) -> None:
        """Create the error for a phase, and the number of seconds that it took."""
        super().__init__(
            f"The {phase} phase did not finish within {seconds:g} s and was stopped. Deploy again."
            " If this happens twice, contact the operator of this instance."
        )


class PlatformFaultError(PushpakaError):
    """The host caused the failure, for example with a full disk. A retry may succeed."""


class DecryptionError(PlatformFaultError):
    """A ciphertext was modified, or moved to another row."""

    def __init__(self) -> None:
        """Create the error with its fixed message."""
        super().__init__(
            "A secret cannot be decrypted: its row was modified, or it was encrypted with another "
            "key. Restore the row or the key from a backup, or set the secret again."
        )


class SettingsError(PushpakaError):
    """The configuration cannot be used. The message names the setting and the remedy."""


class DataDirectoryInUseError(SettingsError):
    """Another process has locked the data directory."""

    def __init__(self, directory: str, holder_pid: str) -> None:
        """
        Create the error.

        Args:
            directory: The data directory.
            holder_pid: The id of the process that has the lock, or "" if it is unknown, because
                several processes share the lock.
        """
        holder = (
            f"Another Pushpaka server (process {holder_pid})"
            if holder_pid
            else "Another Pushpaka server"
        )
        super().__init__(
            f"{holder} is already using {directory}. "
            "Stop it first, or set PUSHPAKA_DATA_DIRECTORY to a different directory."
        )
        self.holder_pid = holder_pid
