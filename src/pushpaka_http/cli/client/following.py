"""What is shown of a deployment that is followed: each thing once, and its end in words."""

from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from pushpaka_core.domain.deployment_steps import ENDED_UNSERVED, SERVING, DeploymentStatus, Phase
from pushpaka_http.cli.client.output import harmless
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

SETTLED = SERVING | ENDED_UNSERVED | {DeploymentStatus.STOPPED}
"""What a deployment is when there is nothing more to wait for."""


@frozen(kw_only=True)
class Step:
    """Something that a deployment does or waits for, or what has become of it."""

    event: TimelineEventResponse
    is_new: bool
    """Whether it was not told of before; one that was is told of again when it has ended."""

    @property
    def name(self) -> str:
        """Return the phase; where it is in none, its status."""
        event = self.event
        return harmless(event.status if self.is_end else event.phase or event.status)

    @property
    def is_end(self) -> bool:
        """Tell whether nothing follows by itself."""
        return self.event.status in SETTLED

    @property
    def took(self) -> str | None:
        """Return how long it lasted; None as long as it does."""
        milliseconds = self.event.duration_ms
        return None if milliseconds is None else duration(milliseconds)


@frozen(kw_only=True)
class Outcome:
    """How it ended, in words."""

    runs: bool
    sentence: str
    lines: Sequence[str] = ()
    """What a program said that tells why."""
    advice: str = ""


@define
class Following:
    """Keeps what has been seen of one deployment, however often it is told."""

    deployment: DeploymentResponse
    _seen: int = field(default=0, init=False)
    _cause: str = field(default="", init=False)
    _phase: Phase | None = field(default=None, init=False)
    """Of the last line."""
    last_seq: int = field(default=0, init=False)
    """The newest line that was seen."""

    @property
    def is_settled(self) -> bool:
        """Tell whether there is nothing more to wait for."""
        return self.deployment.status in SETTLED

    def begins_phase(self, line: DeploymentLogResponse) -> bool:
        """Tell whether *line* is the first one of a phase."""
        return line.seq > self.last_seq and line.phase is not self._phase

    def is_news(self, line: DeploymentLogResponse) -> bool:
        """Take a line of the log, and tell whether it was not seen before."""
        if line.seq <= self.last_seq:
            return False
        self.last_seq, self._phase = line.seq, line.phase
        return True

    def news_of(self, timeline: Sequence[TimelineEventResponse]) -> Iterator[Step]:
        """Take all steps so far, and yield the one that was the last before and those since."""
        known, self._seen = self._seen, len(timeline)
        if self._seen > known:
            self._cause = timeline[-1].cause
            yield from (
                Step(event=event, is_new=place >= known)
                for place, event in enumerate(timeline)
                if place >= known - 1
            )

    def outcome(self) -> Outcome:
        """Put into words what has become of it."""
        deployment = self.deployment
        if deployment.status is DeploymentStatus.RUNNING:
            return Outcome(runs=True, sentence=f"It runs{_after(deployment)}.")
        reason, *lines = (deployment.error or self._cause).splitlines() or [""]
        match deployment.status:
            case DeploymentStatus.FAILED:
                became = f"{_failed(deployment.phase)}{_after(deployment)}"
            case DeploymentStatus.CRASHED:
                became = "It keeps crashing, and is being restarted"
            case status:
                advice = "See what there is instead: pushpaka status"
                sentence = f"It was {status}. {_sentence(reason)}"
                return Outcome(runs=False, sentence=sentence, advice=advice)
        return Outcome(
            runs=False,
            sentence=f"{became}. {_sentence(reason)}",
            lines=lines,
            advice=f"The whole log: pushpaka logs {deployment.id}",
        )


def duration(milliseconds: int) -> str:
    """Return how long something took, as people say it."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{milliseconds / 1000:.1f} s"


def _after(deployment: DeploymentResponse) -> str:
    took = deployment.duration_ms
    return "" if took is None else f" after {duration(took)}"


def _failed(phase: Phase | None) -> str:
    return "It failed" if phase is None else f'It failed in the phase "{phase}"'


def _sentence(text: str) -> str:
    """Return *text* with the end of a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
