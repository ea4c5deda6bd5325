"""The drawing of a deployment's states, from the table of its transitions."""

from collections.abc import Iterator, Sequence

from docs.generator.drawing import Box, arrow, drawing

from pushpaka_core.domain.deployment_steps import (
    FINAL,
    IN_WORK,
    SERVING,
    STEPS,
    TRANSITIONS,
    DeploymentStatus,
)

_WIDTH, _APART = 124, 176
_LEFT = 80
_WAY_Y, _OVER_Y, _ENDS_Y = 110, 52, 270


def states(_words: str = "") -> str:
    """Return the states from left to right, and below them those in which they end."""
    way = [status for status in DeploymentStatus if status not in FINAL]
    ends = sorted(FINAL, key=list(DeploymentStatus).index)
    boxes = {status: _box(status, way.index(status), _WAY_Y) for status in way}
    boxes |= {status: _box(status, index + 0.5, _ENDS_Y) for index, status in enumerate(ends)}
    arrows = [line for status in way for line in _arrows(status, way, boxes)]
    width = _LEFT * 2 + _APART * (len(way) - 1)
    parts = [*arrows, *(box.svg() for box in boxes.values())]
    return drawing("The states of a deployment", width, _ENDS_Y + 40, parts)


def _box(status: DeploymentStatus, place: float, y: float) -> Box:
    phases = [str(phase) for phase, step in STEPS.items() if step.status is status]
    note = ", ".join(phases) if status in IN_WORK else ""
    x = _LEFT + _APART * place
    return Box(x=x, y=y, width=_WIDTH, words=status, note=note, is_strong=status in SERVING)


def _arrows(
    status: DeploymentStatus, way: Sequence[DeploymentStatus], boxes: "dict[DeploymentStatus, Box]"
) -> Iterator[str]:
    start = boxes[status]
    for target in sorted(TRANSITIONS[status], key=list(DeploymentStatus).index):
        end = boxes[target]
        if target in FINAL:
            yield _down(start, end, way.index(status), len(way))
            continue
        steps = way.index(target) - way.index(status)
        yield _along(start, end) if steps == 1 else _around(start, end, steps)


def _along(start: Box, end: Box) -> str:
    """Lead to the next one."""
    y = start.y - 6
    return arrow([(start.x + start.width / 2, y), (end.x - end.width / 2, y)])


def _around(start: Box, end: Box, steps: int) -> str:
    """Lead back, or past others, above all of them."""
    if steps == -1:
        y = start.y + 10
        return arrow([(start.x - start.width / 2, y), (end.x + end.width / 2, y)])
    over = _OVER_Y - 16 * (abs(steps) - 2) - (18 if steps < 0 else 0)
    leave, arrive = (start.x + 12, end.x - 12) if steps > 0 else (start.x - 12, end.x + 12)
    return arrow(
        [
            (leave, start.y - start.height / 2),
            (leave, over),
            (arrive, over),
            (arrive, end.y - end.height / 2),
        ]
    )


def _down(start: Box, end: Box, place: int, places: int) -> str:
    """Lead to where it ends, each state in a lane of its own."""
    lane = start.y + 52 + 13 * place
    arrive = end.x + (place - (places - 1) / 2) * 14
    leave = start.x + (arrive - start.x) * 0.04
    return arrow(
        [
            (leave, start.y + start.height / 2),
            (leave, lane),
            (arrive, lane),
            (arrive, end.y - end.height / 2),
        ]
    )
