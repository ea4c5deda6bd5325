"""What is shown of a deployment that is followed, by what comes in."""

import json
from datetime import timedelta

import pytest
from attrs import evolve

from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.logs import LogLine, LogStream
from pushpaka_core.testing.objects import (
    NOON,
    a_deployment,
    a_project,
    a_timeline_event,
    a_user,
    an_entry,
)
from pushpaka_http.cli.client.displays import Display, JsonDisplay, PlainDisplay
from pushpaka_http.cli.client.following import Following, duration
from pushpaka_http.cli.client.printable import printable
from pushpaka_http.cli.client.terminal_display import TerminalDisplay
from pushpaka_http.client.objects import from_answer
from pushpaka_http.schemas.deployments import DeploymentResponse, TimelineEventResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

DEPLOYMENT = a_deployment(a_project(a_user()))
QUEUED = DeploymentResponse.of(DEPLOYMENT, Addresses())


def _line(seq: int, message: str, phase: Phase = Phase.BUILD) -> DeploymentLogResponse:
    entry = an_entry(message, phase=phase, stream=LogStream.STDOUT)
    return DeploymentLogResponse.of(LogLine.of(entry, deployment_id=DEPLOYMENT.id, seq=seq))


def _timeline(*steps: tuple[DeploymentStatus, Phase | None]) -> list[TimelineEventResponse]:
    """Return steps that follow each other, one each second and a half."""
    events = [
        evolve(
            a_timeline_event(DEPLOYMENT, status=status, phase=phase, cause=f"Step {number}"),
            created_at=NOON + timedelta(seconds=1.5 * number),
        )
        for number, (status, phase) in enumerate(steps)
    ]
    return TimelineEventResponse.all_of(events)


BEGUN = [
    (DeploymentStatus.QUEUED, None),
    (DeploymentStatus.BUILDING, Phase.SOURCE),
    (DeploymentStatus.BUILDING, Phase.BUILD),
]
STEPS = _timeline(*BEGUN, (DeploymentStatus.FAILED, Phase.BUILD))


def test_each_line_is_news_once() -> None:
    """Whatever a connection that began anew tells again."""
    following = Following(deployment=QUEUED)

    news = [seq for seq in (1, 2, 2, 1, 3, 3, 4) if following.is_news(_line(seq, "Hello."))]

    assert [1, 2, 3, 4] == news
    assert 4 == following.last_seq


def test_a_step_is_told_when_it_begins_and_when_it_has_ended() -> None:
    """Also where several came at once, and nothing is told where nothing came."""
    following = Following(deployment=QUEUED)
    told = [
        [(step.name, step.took, step.is_new) for step in following.news_of(timeline)]
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
    ] == told


def _failed(error: str) -> Following:
    """Return the following of a deployment that has failed while it was built."""
    following = Following(deployment=QUEUED)
    list(following.news_of(STEPS))
    following.deployment = evolve(
        QUEUED, status=DeploymentStatus.FAILED, phase=Phase.BUILD, error=error, duration_ms=72_400
    )
    return following


def test_a_failure_tells_why_and_what_to_do() -> None:
    """What the program said, the reason last, and where the whole log is."""
    outcome = _failed("npm run build exited with code 3\nnot found: x\n  at y").outcome()

    assert not outcome.runs
    assert ["not found: x", "  at y"] == outcome.lines
    assert (
        'It failed in the phase "build" after 1 min 12 s. npm run build exited with code 3.'
        == outcome.sentence
    )
    assert f"The whole log: pushpaka logs {DEPLOYMENT.id}" == outcome.advice


def test_the_first_line_of_a_phase_is_known_as_such() -> None:
    """Also where the connection begins anew in the middle of it."""
    following = Following(deployment=QUEUED)
    phases = [Phase.SOURCE, Phase.SOURCE, Phase.BUILD, Phase.BUILD]

    first = []
    for seq, phase in [*enumerate(phases, 1), *enumerate(phases, 1)]:
        line = _line(seq, "Hello.", phase)
        first.append(following.begins_phase(line))
        following.is_news(line)

    assert [True, False, True, False, False, False, False, False] == first


@pytest.mark.parametrize("status", [DeploymentStatus.CANCELLED, DeploymentStatus.SUPERSEDED])
def test_what_ended_otherwise_tells_what_ended_it(status: DeploymentStatus) -> None:
    """A deployment that was cancelled, or for which another one came, has not failed."""
    following = Following(deployment=QUEUED)
    list(following.news_of(_timeline((DeploymentStatus.QUEUED, None), (status, None))))
    following.deployment = evolve(QUEUED, status=status)

    outcome = following.outcome()

    assert (False, f"It was {status}. Step 1.") == (outcome.runs, outcome.sentence)


def test_what_runs_and_what_crashes() -> None:
    """Only what runs has come off."""
    running = evolve(QUEUED, status=DeploymentStatus.RUNNING, duration_ms=1234)
    crashed = evolve(QUEUED, status=DeploymentStatus.CRASHED, error="It exited with code 1.")

    outcomes = [Following(deployment=each).outcome() for each in (running, crashed)]

    assert [
        (True, "It runs after 1.2 s."),
        (False, "It keeps crashing, and is being restarted. It exited with code 1."),
    ] == [(outcome.runs, outcome.sentence) for outcome in outcomes]


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(0, "0.0 s"), (999, "1.0 s"), (60_000, "1 min 0 s"), (3_599_999, "59 min 59 s")],
)
def test_durations_are_told_as_people_tell_them(milliseconds: int, words: str) -> None:
    """To the tenth of a second as long as that matters."""
    assert words == duration(milliseconds)


def _show(display: Display, following: Following) -> None:
    with display.showing():
        display.line(_line(1, "\x1b[31mred\x1b[0m\x1b[2J\x07"))
        for step in following.news_of(_timeline(*BEGUN)):
            display.step(step)
        for step in following.news_of(STEPS):
            display.step(step)
    display.end(following.deployment, following.outcome(), "https://shop.example.com")


def test_plain_lines_have_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """What is told goes to the error stream; the output has the address, and nothing else."""
    running = evolve(QUEUED, status=DeploymentStatus.RUNNING, duration_ms=1234)

    _show(PlainDisplay(), Following(deployment=running))

    shown = capsys.readouterr()
    assert "https://shop.example.com\n" == shown.out
    assert [
        "build   | red",
        "queued  | took 1.5 s",
        "source  | took 1.5 s",
        "build   | took 1.5 s",
        "It runs after 1.2 s.",
    ] == shown.err.splitlines()


@pytest.mark.parametrize("display", [PlainDisplay, TerminalDisplay])
def test_no_word_of_a_server_is_obeyed(
    display: type[PlainDisplay | TerminalDisplay], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not that of a phase which only a newer server knows, nor the address that it gives."""
    word = from_answer(Phase, "\x1b]0;owned\x07")
    running = Following(deployment=evolve(QUEUED, status=DeploymentStatus.RUNNING))

    shows = display()
    shows.line(_line(1, "Hello.", word))
    for step in running.news_of(_timeline((DeploymentStatus.BUILDING, word), BEGUN[-1])):
        shows.step(step)
    shows.end(running.deployment, running.outcome(), "https://a.example\x1b[2J")

    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "https://a.example\\x1b[2J\n" == shown.out


def test_plain_lines_of_a_failure_end_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no address then."""
    following = _failed("It broke.\x1b[2J\n\x1b[31mred\x1b[2J")

    PlainDisplay().end(following.deployment, following.outcome(), "https://shop.example.com")

    shown = capsys.readouterr()
    assert "" == shown.out
    assert [
        "  red",
        'It failed in the phase "build" after 1 min 12 s. It broke.\\x1b[2J.',
        f"The whole log: pushpaka logs {DEPLOYMENT.id}",
    ] == shown.err.splitlines()


def test_programs_read_an_object_in_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Each step once, each line, and the deployment last."""
    running = evolve(QUEUED, status=DeploymentStatus.RUNNING)

    _show(JsonDisplay(), Following(deployment=running))

    shown = capsys.readouterr()
    told = [json.loads(line) for line in shown.out.splitlines()]
    assert "" == shown.err
    assert ["line", "event", "event", "event", "event", "deployment"] == [
        each["type"] for each in told
    ]
    assert ["queued", "building", "building", "failed"] == [
        each["event"]["status"] for each in told if each["type"] == "event"
    ]
    assert str(DEPLOYMENT.id) == told[-1]["deployment"]["id"]


@pytest.mark.parametrize(
    ("text", "plain", "coloured"),
    [
        ("Hello.", "Hello.", "Hello."),
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m\x1b[0m"),
        ("\x1b[31mnever ended", "never ended", "\x1b[31mnever ended\x1b[0m"),
        ("\x1b]0;title\x07text", "]0;titletext", "]0;titletext"),
        ("\x1b[2J\x1b[1;1Hcleared\r\n\x9b2J", "cleared2J", "cleared2J"),
        ("a\tb", "a\tb", "a\tb"),
    ],
)
def test_programs_may_colour_what_they_say_and_nothing_else(
    text: str, plain: str, coloured: str
) -> None:
    """A terminal is neither cleared nor renamed, and a colour ends with its line."""
    assert (plain, coloured) == (printable(text), printable(text, in_colours=True))
