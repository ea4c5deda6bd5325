"""Tests how a followed deployment and its outcome are displayed."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import TypeVar, cast

import pytest
from anyio import sleep_forever
from attrs import define, evolve, field

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.logs.logs import LogLevel, LogLine, LogStream
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry, a_timeline_event
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON
from pushpaka_http.cli.ui.counts import format_duration
from pushpaka_http.cli.ui.deployment_display import PlainDisplay
from pushpaka_http.cli.ui.deployment_follower import DeploymentFollower
from pushpaka_http.cli.ui.moments import time_ago
from pushpaka_http.cli.ui.output import terminal_safe
from pushpaka_http.cli.ui.progress import FollowedDeployment, Outcome
from pushpaka_http.cli.ui.terminal_display import TerminalDisplay
from pushpaka_http.client import AsyncClient, Ready
from pushpaka_http.client.deserialization import from_response
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

T = TypeVar("T")
DEPLOYMENT = a_deployment(a_project(a_user()))
QUEUED = DeploymentResponse.of(DEPLOYMENT, PublicUrls())


def _line(seq: int, message: str, phase: Phase = Phase.BUILD) -> DeploymentLogResponse:
    entry = a_log_entry(message, phase=phase, stream=LogStream.STDOUT)
    return DeploymentLogResponse.of(LogLine.of(entry, deployment_id=DEPLOYMENT.id, seq=seq))


def _platform_error(seq: int, message: str) -> DeploymentLogResponse:
    return evolve(_line(seq, message), stream=LogStream.SYSTEM, level=LogLevel.ERROR)


def _timeline(*steps: tuple[DeploymentStatus, Phase | None]) -> list[TimelineEventResponse]:
    """Return timeline events that are 1.5 seconds apart."""
    events = [
        evolve(
            a_timeline_event(DEPLOYMENT, status=status, phase=phase, cause=f"Step {number}"),
            created_at=NOON + timedelta(seconds=1.5 * number),
        )
        for number, (status, phase) in enumerate(steps)
    ]
    return TimelineEventResponse.all_of(events)


_FAILED = evolve(QUEUED, status=DeploymentStatus.FAILED)
WHOLE_LOG = f"See the full log: pushpaka logs {DEPLOYMENT.id}"
STATUS = "See the active deployment: pushpaka status"
BEGUN = [
    (DeploymentStatus.QUEUED, None),
    (DeploymentStatus.BUILDING, Phase.SOURCE),
    (DeploymentStatus.BUILDING, Phase.BUILD),
]
STEPS = _timeline(*BEGUN, (DeploymentStatus.FAILED, Phase.BUILD))


def test_each_line_is_shown_once() -> None:
    """Lines can arrive again after a reconnection."""
    followed_deployment = FollowedDeployment(deployment=QUEUED)

    news = [
        seq
        for seq in (1, 2, 2, 1, 3, 3, 4)
        if followed_deployment.record_line(_line(seq, "Hello."))
    ]

    assert [1, 2, 3, 4] == news
    assert 4 == followed_deployment.last_seq


def test_a_step_is_shown_when_it_starts_and_when_it_ends() -> None:
    """Several events can arrive at once, or none."""
    followed_deployment = FollowedDeployment(deployment=QUEUED)
    texts = [
        [
            (step.name, step.duration, step.is_new)
            for step in followed_deployment.record_timeline(timeline)
        ]
        for timeline in (
            _timeline((DeploymentStatus.QUEUED, None)),
            _timeline((DeploymentStatus.QUEUED, None)),
            STEPS,
            STEPS,
        )
    ]

    assert [
        [("queued", None, True)],
        [],
        [
            ("queued", "1.5 s", False),
            ("source", "1.5 s", True),
            ("build", "1.5 s", True),
            ("failed", None, True),
        ],
        [],
    ] == texts


def test_phases_are_shown_in_order_after_a_quick_deployment() -> None:
    """Later phases are shown after the lines of earlier phases. Skipped phases are not shown."""
    followed_deployment = FollowedDeployment(deployment=QUEUED)
    shown = [
        [
            (step.name, step.duration, step.is_failed)
            for step in followed_deployment.record_timeline(STEPS, last_phase=phase)
        ]
        for phase in (Phase.SOURCE, Phase.BUILD, Phase.SOURCE, None, None)
    ]

    assert [
        [("queued", "1.5 s", False), ("source", None, False)],
        [("source", "1.5 s", False), ("build", None, False)],
        [],
        [("build", "1.5 s", True), ("failed", None, False)],
        [],
    ] == shown


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (DeploymentStatus.RUNNING, None, Outcome(runs=True, sentence="Deployed in 1 min 12 s.")),
        (
            DeploymentStatus.FAILED,
            "npm run build exited with code 3\nnot found: x\n  at y",
            Outcome(
                runs=False,
                sentence='The deployment failed in the phase "build" after 1 min 12 s. '
                "npm run build exited with code 3.",
                lines=["not found: x", "  at y"],
                advice=WHOLE_LOG,
            ),
        ),
        (
            DeploymentStatus.CRASHED,
            "It exited with code 1.",
            Outcome(
                runs=False,
                sentence="The application keeps crashing and is being restarted. "
                "It exited with code 1.",
                lines=[],
                advice=WHOLE_LOG,
            ),
        ),
        (
            DeploymentStatus.CANCELLED,
            None,
            Outcome(runs=False, sentence="The deployment was canceled. Step 3.", advice=STATUS),
        ),
        (
            DeploymentStatus.SUPERSEDED,
            None,
            Outcome(runs=False, sentence="The deployment was superseded. Step 3.", advice=STATUS),
        ),
    ],
)
def test_an_outcome_has_a_reason_and_advice(
    status: DeploymentStatus, error: str | None, outcome: Outcome
) -> None:
    """If there is no error, the cause of the last step is the reason."""
    followed_deployment = FollowedDeployment(deployment=QUEUED)
    list(followed_deployment.record_timeline(STEPS))
    followed_deployment.deployment = evolve(
        QUEUED, status=status, phase=Phase.BUILD, error=error, duration_ms=72_400
    )

    assert outcome == followed_deployment.outcome()


def test_an_automatic_rollback_shows_the_message_of_the_platform() -> None:
    """No phase is shown as failed, because the deployment was live before."""
    error = "Rolled back automatically: It crashed twice.\nboom"
    failed = evolve(QUEUED, status=DeploymentStatus.FAILED, phase=Phase.RUN, error=error)

    outcome = FollowedDeployment(deployment=failed).outcome()

    assert "Rolled back automatically: It crashed twice." == outcome.sentence
    assert ["boom"] == outcome.lines


def test_waiting_until_stable_ends_after_the_window() -> None:
    """A running deployment does not end the wait. A rollback ends it at once."""
    followed_deployment = FollowedDeployment(
        deployment=evolve(QUEUED, status=DeploymentStatus.RUNNING), waits_until_stable=True
    )
    seen = [followed_deployment.is_settled]
    followed_deployment.is_window_over = True
    seen.append(followed_deployment.is_settled)
    followed_deployment.is_window_over = False
    followed_deployment.deployment = evolve(QUEUED, status=DeploymentStatus.FAILED)
    seen.append(followed_deployment.is_settled)

    assert [False, True, True] == seen


@pytest.mark.parametrize(
    ("seconds", "description"),
    [
        (-5, "just now"),
        (9, "just now"),
        (10, "10 seconds ago"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (200_000, "2 days ago"),
    ],
)
def test_times_are_shown_in_relation_to_now(seconds: float, description: str) -> None:
    """Times are shown correctly even if the clock of the server is ahead."""
    assert description == time_ago(NOON - timedelta(seconds=seconds), NOON)


def test_the_first_line_of_a_phase_is_detected() -> None:
    """The first line is detected even if the client reconnects in the middle of a phase."""
    followed_deployment = FollowedDeployment(deployment=QUEUED)
    phases = [Phase.SOURCE, Phase.SOURCE, Phase.BUILD, Phase.BUILD]

    first = []
    for seq, phase in [*enumerate(phases, 1), *enumerate(phases, 1)]:
        line = _line(seq, "Hello.", phase)
        first.append(followed_deployment.begins_phase(line))
        followed_deployment.record_line(line)

    assert [True, False, True, False, False, False, False, False] == first


@pytest.mark.parametrize(
    ("milliseconds", "description"),
    [(0, "0.0 s"), (999, "1.0 s"), (60_000, "1 min 0 s"), (3_599_999, "59 min 59 s")],
)
def test_durations_are_rounded(milliseconds: int, description: str) -> None:
    """Durations below a minute are shown in tenths of a second."""
    assert description == format_duration(milliseconds)


def _failure_of_a_build(display: PlainDisplay | TerminalDisplay) -> None:
    """Show a build that writes two lines and then fails."""
    failing = FollowedDeployment(deployment=QUEUED)
    lines = [_line(1, "npm ERR!"), _line(2, "at y"), _platform_error(3, "It failed.")]
    with display.progress():
        for step in failing.record_timeline(_timeline(*BEGUN)):
            display.step(step)
        for line in lines:
            failing.record_line(line)
            display.line(line)
        for step in failing.record_timeline(STEPS):
            display.step(step)
    error = "It failed.\nnpm ERR!\nat y\nnot in the log"
    failing.deployment = evolve(
        QUEUED, status=DeploymentStatus.FAILED, phase=Phase.BUILD, error=error, duration_ms=4500
    )
    display.result(failing.deployment, failing.outcome(), "")


def test_a_failure_is_explained_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason and the output that is part of it are not repeated."""
    _failure_of_a_build(PlainDisplay())

    assert [
        "✓ queued  1.5 s",
        "✓ source  1.5 s",
        "build   | npm ERR!",
        "build   | at y",
        "✗ build   1.5 s",
        "  not in the log",
        'The deployment failed in the phase "build" after 4.5 s. It failed.',
        WHOLE_LOG,
    ] == capsys.readouterr().err.splitlines()


def test_a_terminal_marks_the_phase_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """The phases before the failed phase have a check mark, and the reason is shown once."""
    _failure_of_a_build(TerminalDisplay())

    shown = capsys.readouterr().err
    marks = [(line.split()[0], line.split()[1]) for line in shown.splitlines() if "1.5 s" in line]
    assert [("✓", "queued"), ("✓", "source"), ("✗", "build")] == marks
    assert [1, 1] == [shown.count(text) for text in ("npm ERR!", "It failed.")]


@pytest.mark.parametrize("display", [PlainDisplay, TerminalDisplay])
def test_an_error_before_a_retry_is_shown(
    display: type[PlainDisplay | TerminalDisplay], capsys: pytest.CaptureFixture[str]
) -> None:
    """The next step or line shows the error, because the error is not the reason for the result."""
    retried, shows = FollowedDeployment(deployment=QUEUED), display()

    shows.line(_platform_error(1, "Internal error: The disk is full."))
    before = capsys.readouterr().err
    for step in retried.record_timeline(_timeline(*BEGUN, BEGUN[0])):
        shows.step(step)
    at_step = capsys.readouterr().err
    shows.line(_platform_error(2, "Internal error: The network is down."))
    shows.line(_line(3, "Hello."))

    assert "" == before
    assert "The disk is full." in at_step
    assert "The network is down." in capsys.readouterr().err


@pytest.mark.parametrize("display", [PlainDisplay, TerminalDisplay])
def test_the_result_ends_with_the_url(
    display: type[PlainDisplay | TerminalDisplay], capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs read the URL from stdout."""
    running = evolve(QUEUED, status=DeploymentStatus.RUNNING, duration_ms=4500)

    display().result(
        running, FollowedDeployment(deployment=running).outcome(), "http://a.localhost"
    )

    assert ("http://a.localhost\n", "Deployed in 4.5 s.\nLive at http://a.localhost\n") == (
        capsys.readouterr()
    )


@pytest.mark.parametrize("display", [PlainDisplay, TerminalDisplay])
def test_text_from_the_server_is_escaped(
    display: type[PlainDisplay | TerminalDisplay], capsys: pytest.CaptureFixture[str]
) -> None:
    """The URL and unknown phases of a newer server are escaped as well."""
    word = from_response(Phase, "\x1b]0;owned\x07")
    running = FollowedDeployment(deployment=evolve(QUEUED, status=DeploymentStatus.RUNNING))

    shows = display()
    shows.line(_line(1, "\x1b[2J\x07Hello.", word))
    for step in running.record_timeline(_timeline((DeploymentStatus.BUILDING, word), BEGUN[-1])):
        shows.step(step)
    shows.result(running.deployment, running.outcome(), "https://a.example\x1b[2J")
    error = "It broke.\x1b[2J\nred\x1b[2J"
    failed = evolve(QUEUED, status=DeploymentStatus.FAILED, error=error)
    shows.result(failed, FollowedDeployment(deployment=failed).outcome(), "")

    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "https://a.example\\x1b[2J\n" == shown.out


@pytest.mark.parametrize(
    ("text", "plain_text", "colored_text"),
    [
        ("Hello.", "Hello.", "Hello."),
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m\x1b[0m"),
        ("\x1b[31mnever ended", "never ended", "\x1b[31mnever ended\x1b[0m"),
        ("\x1b]0;title\x07text", "]0;titletext", "]0;titletext"),
        ("\x1b[2J\x1b[1;1Hcleared\r\n\x9b2J", "cleared2J", "cleared2J"),
        ("a\tb", "a\tb", "a\tb"),
    ],
)
def test_applications_can_only_color_their_output(
    text: str, plain_text: str, colored_text: str
) -> None:
    """Applications cannot clear or rename the terminal, and colors end with their line."""
    assert (plain_text, colored_text) == (
        terminal_safe(text),
        terminal_safe(text, keeps_colors=True),
    )


@define
class _Client:
    """Returns prepared responses. Each call takes the next one, and repeats the last one."""

    states: list[DeploymentResponse]
    timelines: list[Sequence[TimelineEventResponse]]
    logs_of_deployment: list[Sequence[DeploymentLogResponse]]
    deployments: SimpleNamespace = field(init=False)
    logs: SimpleNamespace = field(init=False)
    events: SimpleNamespace = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.deployments = SimpleNamespace(get=self._state, events=self._timeline)
        self.logs = SimpleNamespace(list=self._log, follow=self._no_lines)
        self.events = SimpleNamespace(follow=self._transitions)

    async def _state(self, _: object) -> DeploymentResponse:
        return _next(self.states)

    async def _timeline(self, _: object) -> SimpleNamespace:
        return SimpleNamespace(data=_next(self.timelines))

    async def _log(self, _: object, *, after: int) -> SimpleNamespace:
        lines = _next(self.logs_of_deployment)
        return SimpleNamespace(data=[line for line in lines if line.seq > after])

    async def _no_lines(self, _: object) -> AsyncIterator[DeploymentLogResponse]:
        await sleep_forever()
        yield _line(1, "")

    async def _transitions(self, *, project_id: object) -> AsyncIterator[object]:
        del project_id
        yield Ready()
        yield _FAILED


def _next(responses: list[T]) -> T:
    return responses.pop(0) if len(responses) > 1 else responses[0]


def test_end_of_a_phase_is_not_shown_before_its_lines() -> None:
    """The event that ends a deployment has the phase in which it ended."""
    followed_deployment = FollowedDeployment(deployment=QUEUED)
    list(followed_deployment.record_timeline(_timeline(*BEGUN)))

    before_line = list(followed_deployment.record_timeline(STEPS, last_phase=Phase.BUILD))
    at_the_end = list(followed_deployment.record_timeline(STEPS))

    assert [] == before_line
    assert [("build", True), ("failed", False)] == [(s.name, s.is_failed) for s in at_the_end]


@pytest.mark.anyio
async def test_steps_precede_a_line_that_was_written_after_they_were_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A phase can begin between the requests for the steps and for the log."""
    client = _Client(
        states=[QUEUED, _FAILED],
        timelines=[_timeline(BEGUN[0]), _timeline(*BEGUN), STEPS],
        logs_of_deployment=[[_line(1, "The roof is missing.")]],
    )

    await DeploymentFollower(
        client=cast("AsyncClient", client),
        followed_deployment=FollowedDeployment(deployment=QUEUED),
        display=PlainDisplay(),
    ).run()

    assert [
        "✓ queued  1.5 s",
        "✓ source  1.5 s",
        "build   | The roof is missing.",
        "✗ build   1.5 s",
    ] == capsys.readouterr().err.splitlines()
