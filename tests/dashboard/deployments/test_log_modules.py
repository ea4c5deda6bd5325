"""Tests the modules of the log viewer, and the states and durations of phases."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from tests.dashboard.modules import open_modules

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser")]

RED, BRIGHT_GREEN, BLUE = 1, 10, 4


@pytest.fixture(scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with open_modules(chromium) as page:
        yield page


async def run(page: Page, script: str, *values: Any) -> Any:
    """Run *script* with the modules of the log as `log`, and with *values*."""
    return await page.evaluate(
        """async ([script, values]) => {
          const names = [
            "ansi", "filter", "filtered_rows", "heights", "line_range", "store", "styled", "text",
          ];
          const modules = await Promise.all(names.map((name) => import(`/log/${name}.js`)));
          const AsyncFunction = (async () => {}).constructor;
          return await new AsyncFunction("log", "values", script)(
            Object.assign({}, ...modules), values);
        }""",
        [script, list(values)],
    )


def line(seq: int, message: str = "", **more: str) -> dict[str, Any]:
    """Return a log line in the format of the API."""
    usual = {"level": "info", "stream": "stdout", "phase": "build"}
    return {"seq": seq, "message": message, "created_at": "2026-01-02T03:04:05.678Z"} | usual | more


@pytest.mark.parametrize(
    ("output", "expected_spans"),
    [
        ("plain", [["plain", {}]]),
        ("", []),
        ("\x1b[31mred\x1b[0m not", [["red", {"color": RED}], [" not", {}]]),
        ("\x1b[31mred\x1b[m not", [["red", {"color": RED}], [" not", {}]]),
        ("\x1b[92mgo\x1b[39m on", [["go", {"color": BRIGHT_GREEN}], [" on", {}]]),
        ("\x1b[1;4;44mall", [["all", {"bold": True, "underline": True, "background": BLUE}]]),
        ("\x1b[1m\x1b[22mnone", [["none", {}]]),
        ("\x1b[38;5;9mone", [["one", {"color": 9}]]),
        ("\x1b[38;5;196mone", [["one", {"color": "#ff0000"}]]),
        ("\x1b[38;5;244mgrey", [["grey", {"color": "#808080"}]]),
        ("\x1b[48;2;1;2;255mtrue", [["true", {"background": "#0102ff"}]]),
        ("\x1b[38:2::1:2:3mcolons", [["colons", {"color": "#010203"}]]),
        ("\x1b[38;5;1;1mboth", [["both", {"color": RED, "bold": True}]]),
        ("\x1b[38;5;999mnone", [["none", {}]]),
        ("\x1b[38;2;1;2mshort", [["short", {}]]),
        ("\x1b[7minverse\x1b[27m", [["inverse", {"inverse": True}]]),
        ("\x1b[2K\x1b[1Gmoved\x1b[3A", [["moved", {}]]),
        ("\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x1b\\", [["link", {}]]),
        ("\x1b]0;title\x07text", [["text", {}]]),
        ("a\x00b\x08c\x7fd\x9be", [["abcde", {}]]),
        ("cut\x1b[", [["cut", {}]]),
        ("tab\tstays", [["tab\tstays", {}]]),
        ("10 %\r50 %\r100 %", [["100 %", {}]]),
        ("done\r", [["done", {}]]),
        ("<b>bold</b>", [["<b>bold</b>", {}]]),
    ],
)
async def test_only_colors_of_terminal_sequences_are_kept(
    page: Page, output: str, expected_spans: list[Any]
) -> None:
    """All other control sequences are removed."""
    spans = await run(page, "return log.spans(values[0])", output)
    text = await run(page, "return log.plain(values[0])", output)

    assert expected_spans == [[span["text"], span["style"]] for span in spans]
    assert "".join(part for part, _ in expected_spans) == text


async def test_a_line_is_text_and_never_markup(page: Page) -> None:
    """Markup stays text, even inside colors and search matches."""
    message = "\x1b[31m<img src=x onerror=alert(1)>\x1b[0m <b>"

    found = await run(
        page,
        """const filter = new log.LogFilter({ stream: "", level: "", text: "img src" });
        const text = log.textElement(values[0], filter);
        return { names: [...text.querySelectorAll("*")].map((each) => each.localName),
                 text: text.textContent, mark: text.querySelector("mark").textContent };""",
        message,
    )

    assert {
        "names": ["span", "mark", "span"],
        "text": "<img src=x onerror=alert(1)> <b>",
        "mark": "img src",
    } == found


async def test_a_match_is_marked_across_colors(page: Page) -> None:
    """A match can start in one color and end in another."""
    marks = await run(
        page,
        """const filter = new log.LogFilter({ stream: "", level: "", text: "ERROR" });
        const text = log.textElement("an \\x1b[31mEr\\x1b[0mror, error", filter);
        return [...text.querySelectorAll("mark")].map((mark) => mark.textContent);""",
    )

    assert ["Er", "ror", "error"] == marks


@pytest.mark.parametrize(
    ("filters", "seqs"),
    [
        ({}, [1, 2, 3, 4]),
        ({"stream": "stderr"}, [2]),
        ({"level": "warn"}, [3, 4]),
        ({"level": "error"}, [4]),
        ({"text": "grösse"}, [2]),
        ({"text": "a.c"}, [1]),
        ({"text": "red"}, [3]),
        ({"text": "[31m"}, []),
        ({"stream": "system", "text": "red"}, [3]),
        ({"stream": "stdout", "text": "red"}, []),
    ],
)
async def test_only_matching_lines_are_shown(
    page: Page, filters: dict[str, str], seqs: list[int]
) -> None:
    """Lines are filtered by stream, level and displayed text."""
    lines = [
        line(1, "a.c"),
        line(2, "GRÖSSE", stream="stderr"),
        line(3, "\x1b[31mr\x1b[32med", stream="system", level="warn"),
        line(4, "abc", stream="system", level="error"),
    ]

    found = await run(
        page,
        """const store = new log.LogStore();
        store.append(values[0]);
        const shown = new log.FilteredRows(store);
        shown.rebuild(new log.LogFilter({ ...log.EVERYTHING, ...values[1] }), Infinity);
        return [...shown.positions()].map((position) => store.seq(position));""",
        lines,
        filters,
    )

    assert seqs == found


async def test_repeated_lines_are_stored_once(page: Page) -> None:
    """After a reconnection, the server may repeat or omit lines."""
    found = await run(
        page,
        """const store = new log.LogStore();
        for (const lines of values) store.append(lines);
        return { size: store.size, last: store.lastSeq, gap: store.seq(store.positionOf(4)),
                 messages: log.messagesOf(store, log.positionsOf(store, { from: 2, to: 9 })) };""",
        [line(1, "one"), line(2, "two")],
        [line(2, "again"), line(3, "three")],
        [line(9, "nine")],
    )

    assert {"size": 4, "last": 9, "gap": 9, "messages": "two\nthree\nnine"} == found


async def test_oldest_lines_are_dropped_above_a_limit(page: Page) -> None:
    """An endless log does not fill the memory of the tab."""
    found = await run(
        page,
        """const [lines, most] = values;
        const store = new log.LogStore({ lines: most });
        const shown = new log.FilteredRows(store);
        for (let seq = 1; seq <= lines; seq += 1) {
          store.append([{ seq, message: `line ${seq}`, phase: "run", level: "info",
                          stream: "stdout", created_at: "2026-01-02T03:04:05Z" }]);
          if (seq % 1000 === 0) shown.update();
        }
        shown.update();
        return { isWithin: store.size <= most, oldest: store.message(store.first),
                 isWhole: store.first + store.size === lines, last: store.lastSeq,
                 shown: shown.lines === store.size };""",
        25_000,
        10_000,
    )

    oldest = found.pop("oldest")
    assert {"isWithin": True, "isWhole": True, "last": 25_000, "shown": True} == found
    assert "line 16385" == oldest


async def test_each_phase_has_a_heading(page: Page) -> None:
    """A heading precedes the lines of each phase, whatever filter is set."""
    lines = [line(1, "x"), line(2, "y"), line(3, "x", phase="start"), line(4, "x", phase="build")]

    found = await run(
        page,
        """const store = new log.LogStore();
        store.append(values[0]);
        const shown = new log.FilteredRows(store);
        const look = (text) => {
          shown.rebuild(new log.LogFilter({ ...log.EVERYTHING, text }), Infinity);
          return Array.from({ length: shown.size }, (_, index) =>
            shown.isHeading(index) ? log.PHASES[store.phase(shown.positionAt(index))]
                                   : store.seq(shown.positionAt(index)));
        };
        return [look(""), look("y")];""",
        lines,
    )

    assert [["build", 1, 2, "start", 3, "build", 4], ["build", 2]] == found


async def test_heights_of_wrapped_lines_are_calculated(page: Page) -> None:
    """The height of a line is known before the line is drawn."""
    found = await run(
        page,
        """const store = new log.LogStore();
        store.append(values[0]);
        const shown = new log.FilteredRows(store);
        shown.rebuild(new log.LogFilter(log.EVERYTHING), 10);
        const { heights, size } = shown;
        return { all: Array.from({ length: size }, (_, index) => heights.at(index)),
                 at: [0, 1, 2, 3, 4, 5, 6, 99].map((height) => heights.indexAt(height)),
                 total: heights.total };""",
        [line(1, "x" * 10), line(2, "x" * 21), line(3, ""), line(4, "\tx\ty")],
    )

    assert {
        "all": [2, 1, 3, 1, 1],
        "at": [0, 0, 1, 2, 2, 2, 3, 4],
        "total": 8,
    } == found


async def test_sums_of_heights_follow_changes(page: Page) -> None:
    """Sums and positions are correct after lines were added and their heights were changed."""
    wrong = await run(
        page,
        """const heights = new log.Heights();
        const all = [];
        for (let index = 0; index < 3000; index += 1) {
          all.push(1 + (index * 7) % 5);
          heights.push(all[index]);
        }
        for (let index = 0; index < 3000; index += 11) heights.set(index, all[index] = 9);
        const wrong = [];
        let sum = 0;
        all.forEach((height, index) => {
          if (heights.offsetOf(index) !== sum || heights.indexAt(sum) !== index
              || heights.indexAt(sum + height - 1) !== index) wrong.push(index);
          sum += height;
        });
        return heights.total === sum ? wrong : ["total"];""",
    )

    assert [] == wrong


@pytest.mark.parametrize(
    ("hash_", "lines"),
    [
        ("#L120", {"from": 120, "to": 120}),
        ("#L120-L130", {"from": 120, "to": 130}),
        ("#L130-120", {"from": 120, "to": 130}),
        ("#L", None),
        ("#L-1", None),
        ("#L1x", None),
        ("", None),
    ],
)
async def test_url_fragment_selects_lines(
    page: Page, hash_: str, lines: dict[str, int] | None
) -> None:
    """A link to a line or a range can be parsed and created."""
    found = await run(page, "return log.rangeOf(values[0])", hash_)
    written = await run(page, "return values[0] && log.hashOf(values[0])", lines)

    assert lines == found
    assert written == (None if lines is None else hash_.replace("#L130-120", "#L120-L130"))


async def test_a_log_can_be_saved_as_text(page: Page) -> None:
    """The file shows the time and the stream of each line, and no colors."""
    pieces = await run(
        page,
        """const store = new log.LogStore();
        store.append(values[0]);
        return log.fileOf(store);""",
        [line(1, "\x1b[31mred\x1b[0m"), line(2, "by us", stream="system")],
    )

    assert (
        "2026-01-02T03:04:05.678Z stdout red\n2026-01-02T03:04:05.678Z system by us\n"
        == "".join(pieces)
    )


QUEUED = ("queued", None)
SOURCE = ("building", "source")
BUILD = ("building", "build")
RELEASE = ("deploying", "release")
START = ("deploying", "start")


@pytest.mark.parametrize(
    ("events", "states"),
    [
        ([], "next next next next next next"),
        ([QUEUED], "now next next next next next"),
        ([QUEUED, SOURCE, BUILD], "done done now next next next"),
        ([QUEUED, SOURCE, BUILD, ("failed", "build")], "done done failed skipped skipped skipped"),
        ([QUEUED, ("cancelled", None)], "ended skipped skipped skipped skipped skipped"),
        ([QUEUED, RELEASE, START], "done skipped skipped done now next"),
        (
            [QUEUED, SOURCE, BUILD, START, ("deploying", "switch"), ("running", "run")],
            "done done done skipped done done",
        ),
        ([QUEUED, SOURCE, BUILD, QUEUED, SOURCE], "done now next next next next"),
    ],
)
async def test_states_of_phases_follow_the_timeline(
    page: Page, events: list[tuple[str, str | None]], states: str
) -> None:
    """A phase is done, active, next or skipped, or it is the one in which the deployment ended."""
    timeline = [
        {"status": status, "phase": phase, "created_at": f"2026-01-02T03:04:{at:02}Z"}
        for at, (status, phase) in enumerate(events)
    ]

    steps = await page.evaluate(
        "(events) => import('/views/deployment/phase_times.js').then((m) => m.stepsOf(events))",
        timeline,
    )

    assert states.split() == [step["state"] for step in steps]


SECONDS = [
    ("queued", None, 0),
    ("building", "source", 2),
    ("building", "build", 5),
    ("deploying", "release", 15),
    ("deploying", "start", 16),
    ("deploying", "switch", 18),
    ("running", "run", 19),
    ("stopped", None, 50),
]


@pytest.mark.parametrize(
    ("events", "durations"),
    [
        pytest.param(
            SECONDS,
            {"queued": 2, "source": 3, "build": 10, "release": 1, "start": 2, "switch": 1},
            id="one that served: without the time for which it did",
        ),
        pytest.param(
            SECONDS[:3], {"queued": 2, "source": 3, "build": 54}, id="the last phase goes on"
        ),
        pytest.param(
            [*SECONDS[:3], ("failed", "build", 9)],
            {"queued": 2, "source": 3, "build": 4},
            id="one that failed",
        ),
        pytest.param(
            [*SECONDS[:3], ("building", "build", 9), ("cancelled", "build", 11)],
            {"queued": 2, "source": 3, "build": 6},
            id="steps of one phase",
        ),
    ],
)
async def test_durations_of_phases_follow_the_timeline(
    page: Page, events: list[tuple[str, str | None, int]], durations: dict[str, int]
) -> None:
    """Durations are in seconds from the request to the cutover. The current time is 59 s."""
    timeline = [
        {"status": status, "phase": phase, "created_at": f"2026-01-02T03:04:{second:02}Z"}
        for status, phase, second in events
    ]

    found = await page.evaluate(
        """async ([events, until]) => {
          const { phaseDurations } = await import("/views/deployment/phase_times.js");
          return phaseDurations(events, Date.parse(until));
        }""",
        [timeline, "2026-01-02T03:04:59Z"],
    )

    assert list(durations.items()) == [(each["phase"], each["ms"] // 1000) for each in found]


CURRENT, OTHER = "current", "other"


@pytest.mark.parametrize(
    ("deployment", "allowed_actions"),
    [
        ({"status": "queued"}, {"cancel"}),
        ({"status": "building", "phase": "build"}, {"cancel"}),
        ({"status": "deploying", "phase": "start"}, {"cancel"}),
        ({"status": "deploying", "phase": "switch"}, set()),
        ({"status": "running", "phase": "run", "id": CURRENT}, {"redeploy", "restart", "stop"}),
        ({"status": "crashed", "phase": "run", "id": CURRENT}, {"redeploy", "restart", "stop"}),
        ({"status": "running", "phase": "run"}, {"rollback"}),
        ({"status": "stopped"}, {"rollback"}),
        ({"status": "stopped", "id": CURRENT}, {"start"}),
        ({"status": "failed"}, {"retry"}),
        ({"status": "cancelled"}, {"retry"}),
        ({"status": "superseded"}, {"retry"}),
        ({"status": "failed", "commit_message": "Local folder, 1 file (8 B)"}, set()),
        ({"status": "failed", "commit_message": "Begin", "commit_sha": "a" * 40}, {"retry"}),
        (
            {"status": "running", "phase": "run", "target": "preview:x"},
            {"redeploy", "restart", "stop", "promote"},
        ),
        ({"status": "stopped", "target": "preview:x"}, {"rollback", "promote"}),
    ],
)
async def test_allowed_actions_depend_on_the_status(
    page: Page, deployment: dict[str, str], allowed_actions: set[str]
) -> None:
    """The page offers the actions that the API would accept, and none to viewers."""
    usual = {"id": OTHER, "phase": None, "target": "production"}
    found = [
        await page.evaluate(
            """([deployment, project]) => import('/views/deployment/allowed_actions.js')
              .then(({ allowedActions }) => Object.entries(allowedActions(deployment, project)))""",
            [usual | deployment, {"current_deployment_id": CURRENT, "role": role}],
        )
        for role in ("member", "viewer")
    ]

    assert [allowed_actions, set()] == [{name for name, is_it in each if is_it} for each in found]
