"""Tracks which lines and steps of a deployment were shown, and describes its result."""

from collections import deque
from collections.abc import Iterator, Sequence

from attrs import define, evolve, field, frozen

from pushpaka_core.domain.deployments.state_machine import (
    ENDED_WITHOUT_SERVING,
    SERVING,
    DeploymentStatus,
    Phase,
)
from pushpaka_core.domain.logs.logs import LogLevel, LogStream
from pushpaka_core.domain.projects.target_names import is_database
from pushpaka_http.cli.ui.counts import format_duration
from pushpaka_http.cli.ui.output import escape_control, escape_lines, terminal_safe
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

SETTLED_STATUSES = SERVING | ENDED_WITHOUT_SERVING | {DeploymentStatus.STOPPED}
"""Statuses at which a command stops following a deployment."""
PHASE_WIDTH = 7
"""The length of the longest phase name."""
_MAX_MESSAGES = 100
"""The number of log messages to remember, more than an error message repeats."""


@frozen(kw_only=True)
class Step:
    """A phase or status of the deployment."""

    event: TimelineEventResponse
    is_new: bool
    """False if the step was already shown when it began, and has ended now."""
    is_failed: bool = False
    """Whether the deployment ended in this step without going live."""

    @property
    def name(self) -> str:
        """Return the phase, or the status if there is no phase."""
        event = self.event
        return escape_control(event.status if self.is_final else event.phase or event.status)

    @property
    def is_final(self) -> bool:
        """Return True if no step is expected after this one."""
        return self.event.status in SETTLED_STATUSES

    @property
    def duration(self) -> str | None:
        """Return the duration as text, or None if the step has not ended."""
        milliseconds = self.event.duration_ms
        return None if milliseconds is None else format_duration(milliseconds)


@frozen(kw_only=True)
class Outcome:
    """The result of a deployment, as text."""

    runs: bool
    sentence: str
    lines: Sequence[str] = ()
    """Output of the program that explains the result and was not shown before."""
    advice: str = ""
    has_address: bool = True
    """Whether the result includes the URL, or a sentence that there is none."""


@define
class HeldLines:
    """
    Holds back the platform's last error lines.

    Such a line can be the reason for a failure, which would be shown again with the result.
    """

    _held: list[DeploymentLogResponse] = field(factory=list, init=False)

    def add(self, line: DeploymentLogResponse) -> Sequence[DeploymentLogResponse]:
        """Add *line*, and return the lines to show now."""
        if line.stream is LogStream.SYSTEM and line.level is LogLevel.ERROR:
            self._held.append(line)
            return []
        return [*self.release(), line]

    def release(self, result: str = "") -> Sequence[DeploymentLogResponse]:
        """Return the lines that were held back and are not part of the sentence *result*."""
        held, self._held = self._held, []
        return [line for line in held if line.message not in result]


@define
class FollowedDeployment:
    """Tracks what was shown of a deployment, so that each line and step is shown only once."""

    deployment: DeploymentResponse
    waits_until_stable: bool = False
    """Whether to wait for the end of the rollback window as well."""
    is_window_over: bool = False
    _seen: int = field(default=0, init=False)
    _cause: str = field(default="", init=False)
    _phase: Phase | None = field(default=None, init=False)
    """The phase of the last line."""
    _messages: deque[str] = field(factory=lambda: deque(maxlen=_MAX_MESSAGES), init=False)
    """The messages of the last lines."""
    last_seq: int = field(default=0, init=False)
    """The sequence number of the last line."""

    @property
    def is_settled(self) -> bool:
        """Return True if a command can stop following the deployment."""
        is_watched = self.waits_until_stable and not self.is_window_over
        return self.is_live_or_ended and not (is_watched and self.deployment.status in SERVING)

    @property
    def is_live_or_ended(self) -> bool:
        """Return True if the deployment is active, or has ended."""
        return self.deployment.status in SETTLED_STATUSES

    def begins_phase(self, line: DeploymentLogResponse) -> bool:
        """Return True if *line* is the first line of a phase."""
        return line.seq > self.last_seq and line.phase is not self._phase

    def record_line(self, line: DeploymentLogResponse) -> bool:
        """Record *line*, and return True if it is new."""
        if line.seq <= self.last_seq:
            return False
        self.last_seq, self._phase = line.seq, line.phase
        self._messages.append(terminal_safe(line.message))
        return True

    def record_timeline(
        self, timeline: Sequence[TimelineEventResponse], *, last_phase: Phase | None = None
    ) -> Iterator[Step]:
        """
        Record *timeline*, and yield the last known step, which has ended now, and the new steps.

        Args:
            timeline: All steps of the deployment.
            last_phase: Ignore the steps after the next one in this phase, and treat that step as
                not ended yet.
        """
        if last_phase is not None:
            timeline = self._timeline_until(timeline, last_phase)
        known, self._seen = self._seen, max(self._seen, len(timeline))
        if self._seen > known:
            self._cause = timeline[-1].cause
            failed = [*(after.status in ENDED_WITHOUT_SERVING for after in timeline[1:]), False]
            yield from (
                Step(event=event, is_new=place >= known, is_failed=is_failed)
                for place, (event, is_failed) in enumerate(zip(timeline, failed, strict=True))
                if place >= known - 1
            )

    def _timeline_until(
        self, timeline: Sequence[TimelineEventResponse], phase: Phase
    ) -> Sequence[TimelineEventResponse]:
        if self._seen and timeline[self._seen - 1].phase == phase:
            return ()  # The step is shown already. A later one in this phase is its end.
        for place, event in enumerate(timeline):
            if place >= self._seen and event.phase == phase:
                return [*timeline[:place], evolve(event, duration_ms=None)]
        return ()

    def outcome(self) -> Outcome:
        """Return the result of the deployment as text."""
        deployment = self.deployment
        is_server = is_database(deployment.target)
        if deployment.status is DeploymentStatus.RUNNING:
            verb = "Started" if is_server else "Deployed"
            stable = " The rollback window is over." if self.waits_until_stable else ""
            return Outcome(
                runs=True,
                sentence=f"{verb}{_duration_clause(deployment, 'in')}.{stable}",
                has_address=not is_server,
            )
        reason, *output = (deployment.error or self._cause).splitlines() or [""]
        lines = [line for line in output if terminal_safe(line) not in self._messages]
        match deployment.status:
            case DeploymentStatus.FAILED if is_rolled_back(deployment):
                return Outcome(
                    runs=False,
                    sentence=_with_period(reason),
                    lines=lines,
                    advice=f"See the full log: pushpaka logs {deployment.id}",
                )
            case DeploymentStatus.FAILED:
                became = f"{_failure_clause(deployment.phase)}{_duration_clause(deployment)}"
            case DeploymentStatus.CRASHED:
                program = "database server" if is_server else "application"
                became = f"The {program} keeps crashing and is being restarted"
            case status:
                advice = "See the active deployment: pushpaka status"
                ending = "canceled" if status is DeploymentStatus.CANCELLED else status
                # The cause of a cancellation only repeats the status.
                cause = "" if not reason or ending in reason else f" {_with_period(reason)}"
                sentence = f"The deployment was {ending}.{cause}"
                return Outcome(runs=False, sentence=sentence, advice=advice)
        return Outcome(
            runs=False,
            sentence=f"{became}. {_with_period(reason)}",
            lines=lines,
            advice=f"See the full log: pushpaka logs {deployment.id}",
        )


def is_rolled_back(deployment: DeploymentResponse) -> bool:
    """Return True if the deployment went live, broke, and was rolled back automatically."""
    return deployment.status is DeploymentStatus.FAILED and deployment.phase is Phase.RUN


def _duration_clause(deployment: DeploymentResponse, word: str = "after") -> str:
    took = deployment.duration_ms
    return "" if took is None else f" {word} {format_duration(took)}"


def _failure_clause(phase: Phase | None) -> str:
    return (
        "The deployment failed"
        if phase is None
        else f'The deployment failed in the phase "{phase}"'
    )


def _with_period(text: str) -> str:
    """Return *text* with a period at the end, unless it ends with punctuation."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def result_lines(outcome: Outcome, address: str | None) -> Iterator[str]:
    """
    Yield the lines of the result: relevant output of the program, the result with its reason, and
    then advice or *address*, the URL of the application, which is None without a web process.
    """
    yield from (f"  {terminal_safe(line)}" for line in outcome.lines)
    yield escape_lines(outcome.sentence)
    if outcome.advice:
        yield outcome.advice
    if outcome.runs and outcome.has_address:
        yield (
            f"Live at {escape_control(address)}"
            if address
            else "Running without an address because there is no web process."
        )
