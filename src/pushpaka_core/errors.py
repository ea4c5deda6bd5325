"""
What can go wrong, grouped by what the caller can do about it.

    PushpakaError
    ├── InvalidInputError           mend the named fields and ask again
    ├── NotAuthenticatedError       sign in again
    ├── NotAllowedError             ask somebody who may
    ├── NotFoundError               there is no such thing for this caller
    ├── ConflictError               look at the present state, then decide
    │   ├── DuplicateError          choose another value
    │   ├── InvalidTransitionError  the deployment is past that point
    │   ├── PlanFailedError         mend the repository or the project
    │   ├── QuotaReachedError       give up something of it first
    │   ├── StaleEntityError        read it again; somebody else changed it
    │   └── SupersededError         nothing; a newer deployment serves
    ├── TooManyRequestsError        wait, then ask again
    ├── UnavailableError            wait; a part of the platform is down
    │   ├── StorageUnavailableError
    │   ├── RouterUnavailableError
    │   ├── RuntimeUnavailableError
    │   ├── ReceiverUnavailableError
    │   └── NameLookupError
    ├── LeaseLostError              stop; the work, or the node, belongs to another process
    ├── DeploymentFailedError       mend the repository or the project
    │   ├── SourceError             the commit could not be fetched
    │   ├── DetectionError          nothing to deploy was recognised
    │   ├── MissingEnvVarsError     what the repository requires is not set
    │   ├── BuildError              a build command failed
    │   │   └── BuildTimeoutError   or took too long
    │   ├── StartError              the application did not become healthy
    │   └── PhaseTimeoutError       a phase did not come to its end by itself
    ├── DeliveryRefusedError        nothing; who was to be told will not hear it
    ├── PlatformFaultError          the host failed the job, not its owner: try again
    │   └── BrokenSealError         bring the row back, or set the secret anew
    └── SettingsError               mend the configuration and start again

This module imports nothing, so that every other module may import it.
"""


class PushpakaError(Exception):
    """The base of everything that Pushpaka raises on purpose. Never raised itself."""


class InvalidInputError(PushpakaError):
    """One or more fields break a rule; all of them are told at once."""

    def __init__(self, problems: "dict[str, str]") -> None:
        """Take a sentence for each wrong field, by the field's name."""
        super().__init__("; ".join(f"{field}: {text}" for field, text in problems.items()))
        self.problems = problems


class NotAuthenticatedError(PushpakaError):
    """The caller did not prove who they are."""


class NotAllowedError(PushpakaError):
    """The caller is known, and may not do this."""


class NotFoundError(PushpakaError):
    """It does not exist, or not for this caller; the two look the same."""

    def __init__(self, what: str) -> None:
        """Name the kind of thing that was asked for, as in "project"."""
        super().__init__(f"There is no such {what}.")
        self.what = what


class ConflictError(PushpakaError):
    """The request is sound, but not in the present state."""


class DuplicateError(ConflictError):
    """A value that must be unique is taken."""

    def __init__(self, what: str) -> None:
        """Name what is taken, as in "project name"."""
        super().__init__(f"This {what} is already taken.")
        self.what = what


class InvalidTransitionError(ConflictError):
    """A deployment cannot go from its status to the asked one."""

    def __init__(self, current: str, target: str) -> None:
        """Take the present status and the asked one."""
        super().__init__(f"A deployment that is {current} cannot become {target}.")
        self.current = current
        self.target = target


class PlanFailedError(ConflictError):
    """A deployment would fail before it is built; the message is the one it would end with."""


class QuotaReachedError(ConflictError):
    """The caller has as much of something as one user may have."""

    def __init__(self, most: int, what: str, way_out: str) -> None:
        """Take how many of what there may be, as in "projects", and what to do about it."""
        super().__init__(
            f"You may have {most} {what}. {way_out}, or ask the operator of this instance for more."
        )


class StaleEntityError(ConflictError):
    """Somebody else changed the entity since it was read."""

    def __init__(self, what: str) -> None:
        """Name the kind of entity, as in "project"."""
        super().__init__(f"The {what} was changed by somebody else; read it again.")


class SupersededError(ConflictError):
    """A newer deployment of the same target serves already."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("A newer deployment serves already.")


class TooManyRequestsError(PushpakaError):
    """A limit is reached for now."""

    def __init__(self, retry_after: int) -> None:
        """Take the seconds until another try makes sense."""
        super().__init__(f"Too many requests. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class UnavailableError(PushpakaError):
    """A part of the platform is down; it is retried, not given up."""


class StorageUnavailableError(UnavailableError):
    """The database does not answer, is locked for too long, or is full."""


class RouterUnavailableError(UnavailableError):
    """The router does not show the route table that it was given."""


class RuntimeUnavailableError(UnavailableError):
    """What builds and runs applications does not answer."""


class ReceiverUnavailableError(UnavailableError):
    """A server of somebody else, which is to be told something, does not take it now."""


class DeliveryRefusedError(PushpakaError):
    """What somebody else is to be told is refused, or may not be sent there."""


class NameLookupError(UnavailableError):
    """No name server tells what is asked, not even that there is nothing."""

    def __init__(self, name: str) -> None:
        """Take the name that was asked for."""
        super().__init__(f"The name servers do not answer for {name}.")
        self.name = name


class LeaseLostError(PushpakaError):
    """The fence has moved on: another process owns the deployment, or the node, now."""


class DeploymentFailedError(PushpakaError):
    """The deployment ends here; the message tells its owner why and what to do."""

    last_lines: tuple[str, ...] = ()
    """What its program printed last, which its log has already."""

    @property
    def report(self) -> str:
        """The message with the last lines below it."""
        return "\n".join([str(self), *self.last_lines])


class SourceError(DeploymentFailedError):
    """The commit could not be fetched."""


class DetectionError(DeploymentFailedError):
    """Nothing that can be deployed was recognised in the repository."""


class MissingEnvVarsError(DeploymentFailedError):
    """Env vars that the repository requires are not set for the deployment."""

    def __init__(self, names: "tuple[str, ...]", target: str) -> None:
        """Take the names, and the target that does not see them."""
        verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
        super().__init__(
            f"{', '.join(names)} {verb} required by pushpaka.toml, and not set for {target}."
            f" Set {them} and deploy again."
        )


class BuildError(DeploymentFailedError):
    """A build command failed, or took too much of something."""


class BuildTimeoutError(BuildError):
    """A build took longer than it may."""

    def __init__(self, minutes: float) -> None:
        """Take the time that it had."""
        super().__init__(
            f"The build took longer than {minutes:g} min and was ended. Make it shorter,"
            " or ask the operator of this instance for more time."
        )


class StartError(DeploymentFailedError):
    """The application exited, or did not become healthy in time."""


class PhaseTimeoutError(DeploymentFailedError):
    """A phase was ended that ought to have ended by itself, or by its own deadline, before."""

    def __init__(self, phase: str, seconds: float) -> None:
        """Name the phase, and how long it was waited for."""
        super().__init__(
            f"The phase {phase} had not come to its end after {seconds:g} s, and was ended."
            " Deploy again; if that happens twice, tell the operator of this instance."
        )


class PlatformFaultError(PushpakaError):
    """The host failed the job (no port left, disk full); another attempt may succeed."""


class BrokenSealError(PlatformFaultError):
    """A ciphertext was changed, or is not where it was bound to."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "A secret cannot be decrypted: its row was changed, or its key is another one."
        )


class SettingsError(PushpakaError):
    """The configuration cannot be used; the message names the setting and the way out."""
