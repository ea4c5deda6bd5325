"""What the log of the dashboard does without a page around it: colours, lines, filters, heights."""

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
    """Return what *script* does with the modules of the log, given as `log`, and with values."""
    return await page.evaluate(
        """async ([script, values]) => {
          const names = ["ansi", "filter", "heights", "place", "shown", "store", "styled", "text"];
          const modules = await Promise.all(names.map((name) => import(`/log/${name}.js`)));
          const AsyncFunction = (async () => {}).constructor;
          return await new AsyncFunction("log", "values", script)(
            Object.assign({}, ...modules), values);
        }""",
        [script, list(values)],
    )


def line(seq: int, message: str = "", **more: str) -> dict[str, Any]:
    """Return a line as the API shows it."""
    usual = {"level": "info", "stream": "stdout", "phase": "build"}
    return {"seq": seq, "message": message, "created_at": "2026-01-02T03:04:05.678Z"} | usual | more


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain", [["plain", {}]]),
        ("", []),
        ("\x1b[31mred\x1b[0m not", [["red", {"colour": RED}], [" not", {}]]),
        ("\x1b[31mred\x1b[m not", [["red", {"colour": RED}], [" not", {}]]),
        ("\x1b[92mgo\x1b[39m on", [["go", {"colour": BRIGHT_GREEN}], [" on", {}]]),
        ("\x1b[1;4;44mall", [["all", {"bold": True, "underline": True, "background": BLUE}]]),
        ("\x1b[1m\x1b[22mnone", [["none", {}]]),
        ("\x1b[38;5;9mone", [["one", {"colour": 9}]]),
        ("\x1b[38;5;196mone", [["one", {"colour": "#ff0000"}]]),
        ("\x1b[38;5;244mgrey", [["grey", {"colour": "#808080"}]]),
        ("\x1b[48;2;1;2;255mtrue", [["true", {"background": "#0102ff"}]]),
        ("\x1b[38:2::1:2:3mcolons", [["colons", {"colour": "#010203"}]]),
        ("\x1b[38;5;1;1mboth", [["both", {"colour": RED, "bold": True}]]),
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
async def test_of_what_a_terminal_obeys_only_colours_are(
    page: Page, written: str, shown: list[Any]
) -> None:
    """A line is shown in its colours; all else by which a program moves a terminal is dropped."""
    spans = await run(page, "return log.spans(values[0])", written)
    text = await run(page, "return log.plain(values[0])", written)

    assert shown == [[span["text"], span["style"]] for span in spans]
    assert "".join(part for part, _ in shown) == text


async def test_a_line_is_text_and_never_markup(page: Page) -> None:
    """What looks like elements stays letters, also where parts of it are coloured or marked."""
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


async def test_a_match_is_marked_across_colours(page: Page) -> None:
    """What is looked for is marked where it begins in one colour and ends in another."""
    marks = await run(
        page,
        """const filter = new log.LogFilter({ stream: "", level: "", text: "ERROR" });
        const text = log.textElement("an \\x1b[31mEr\\x1b[0mror, error", filter);
        return [...text.querySelectorAll("mark")].map((mark) => mark.textContent);""",
    )

    assert ["Er", "ror", "error"] == marks


@pytest.mark.parametrize(
    ("wanted", "seqs"),
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
async def test_only_wanted_lines_are_shown(
    page: Page, wanted: dict[str, str], seqs: list[int]
) -> None:
    """Lines are chosen by output, by how much they matter and by a text, as it is read."""
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
        const shown = new log.Shown(store);
        shown.renew(new log.LogFilter({ ...log.EVERYTHING, ...values[1] }), Infinity);
        return [...shown.places()].map((place) => store.seq(place));""",
        lines,
        wanted,
    )

    assert seqs == found


async def test_lines_that_come_again_are_kept_once(page: Page) -> None:
    """After a lost connection lines may come twice, and some may be gone from the server."""
    found = await run(
        page,
        """const store = new log.LogStore();
        for (const lines of values) store.append(lines);
        return { size: store.size, last: store.lastSeq, gap: store.seq(store.placeOf(4)),
                 messages: log.messagesOf(store, log.placesOf(store, { from: 2, to: 9 })) };""",
        [line(1, "one"), line(2, "two")],
        [line(2, "again"), line(3, "three")],
        [line(9, "nine")],
    )

    assert {"size": 4, "last": 9, "gap": 9, "messages": "two\nthree\nnine"} == found


async def test_the_oldest_lines_are_forgotten_beyond_a_limit(page: Page) -> None:
    """A log that never ends does not fill the memory of who watches it."""
    found = await run(
        page,
        """const [lines, most] = values;
        const store = new log.LogStore({ lines: most });
        const shown = new log.Shown(store);
        for (let seq = 1; seq <= lines; seq += 1) {
          store.append([{ seq, message: `line ${seq}`, phase: "run", level: "info",
                          stream: "stdout", created_at: "2026-01-02T03:04:05Z" }]);
          if (seq % 1000 === 0) shown.catchUp();
        }
        shown.catchUp();
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
    """Where the phase changes, its name stands above the lines, however they are filtered."""
    lines = [line(1, "x"), line(2, "y"), line(3, "x", phase="start"), line(4, "x", phase="build")]

    found = await run(
        page,
        """const store = new log.LogStore();
        store.append(values[0]);
        const shown = new log.Shown(store);
        const look = (text) => {
          shown.renew(new log.LogFilter({ ...log.EVERYTHING, text }), Infinity);
          return Array.from({ length: shown.size }, (_, index) =>
            shown.isHeading(index) ? log.PHASES[store.phase(shown.placeAt(index))]
                                   : store.seq(shown.placeAt(index)));
        };
        return [look(""), look("y")];""",
        lines,
    )

    assert [["build", 1, 2, "start", 3, "build", 4], ["build", 2]] == found


async def test_long_lines_are_as_high_as_they_wrap(page: Page) -> None:
    """What is at which height is known without having drawn it."""
    found = await run(
        page,
        """const store = new log.LogStore();
        store.append(values[0]);
        const shown = new log.Shown(store);
        shown.renew(new log.LogFilter(log.EVERYTHING), 10);
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


async def test_heights_are_summed_as_they_change(page: Page) -> None:
    """However many heights there are and however they change, sums and places are right."""
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
          if (heights.before(index) !== sum || heights.indexAt(sum) !== index
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
async def test_an_address_names_lines(page: Page, hash_: str, lines: dict[str, int] | None) -> None:
    """A link to a line or to some lines is understood, and written as it is read."""
    found = await run(page, "return log.linesOf(values[0])", hash_)
    written = await run(page, "return values[0] && log.hashOf(values[0])", lines)

    assert lines == found
    assert written == (None if lines is None else hash_.replace("#L130-120", "#L120-L130"))


async def test_a_log_is_saved_as_text(page: Page) -> None:
    """The file of a log has the time and the output of each line, and no colours."""
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
async def test_phases_stand_as_the_timeline_tells(
    page: Page, events: list[tuple[str, str | None]], states: str
) -> None:
    """Each phase is done, in work, to come, not needed, or where it ended."""
    timeline = [
        {"status": status, "phase": phase, "created_at": f"2026-01-02T03:04:{at:02}Z"}
        for at, (status, phase) in enumerate(events)
    ]

    steps = await page.evaluate(
        "(events) => import('/views/deployment/steps.js').then((m) => m.stepsOf(events))", timeline
    )

    assert states.split() == [step["state"] for step in steps]


CURRENT, OTHER = "current", "other"


@pytest.mark.parametrize(
    ("deployment", "allowed"),
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
async def test_only_what_makes_sense_is_offered(
    page: Page, deployment: dict[str, str], allowed: set[str]
) -> None:
    """A deployment offers what the API would do with it as it stands, and to viewers nothing."""
    usual = {"id": OTHER, "phase": None, "target": "production"}
    found = [
        await page.evaluate(
            """([deployment, project]) => import('/views/deployment/allowed.js')
              .then(({ allowedOf }) => Object.entries(allowedOf(deployment, project)))""",
            [usual | deployment, {"current_deployment_id": CURRENT, "role": role}],
        )
        for role in ("member", "viewer")
    ]

    assert [allowed, set()] == [{name for name, is_it in each if is_it} for each in found]
