"""How a drawing is written as SVG; its colours are those of the page, light or dark."""

from collections.abc import Iterable, Sequence
from html import escape

from attrs import frozen

Point = tuple[float, float]
BOX_HEIGHT = 38


@frozen(kw_only=True)
class Box:
    """A word in a frame, around a point."""

    x: float
    y: float
    width: float
    words: str
    note: str = ""
    """In small letters below the words."""
    is_strong: bool = False

    @property
    def height(self) -> float:
        """Return how high it is with what stands in it."""
        return BOX_HEIGHT + (14 if self.note else 0)

    def svg(self) -> str:
        """Return it as a group."""
        left, top = self.x - self.width / 2, self.y - self.height / 2
        note = (
            f'<text class="small" x="{self.x:g}" y="{self.y + 17:g}" text-anchor="middle">'
            f"{escape(self.note)}</text>"
        )
        return (
            f'<g class="{"strong" if self.is_strong else "usual"}">'
            f'<rect x="{left:g}" y="{top:g}" width="{self.width:g}" height="{self.height:g}"'
            ' rx="6"/>'
            f'<text x="{self.x:g}" y="{self.y + (-2 if self.note else 4.5):g}"'
            f' text-anchor="middle">{escape(self.words)}</text>{note if self.note else ""}</g>'
        )


def arrow(points: Sequence[Point]) -> str:
    """Return a line along *points* with a head at its end; its corners are round."""
    (x, y), *rest = points
    steps = [f"M{x:g} {y:g}"]
    for index, (corner_x, corner_y) in enumerate(rest[:-1]):
        before, after = points[index], rest[index + 1]
        near, far = _towards((corner_x, corner_y), before), _towards((corner_x, corner_y), after)
        steps.append(f"L{near[0]:g} {near[1]:g} Q{corner_x:g} {corner_y:g} {far[0]:g} {far[1]:g}")
    end = rest[-1]
    steps.append(f"L{end[0]:g} {end[1]:g}")
    return f'<path class="edge" d="{" ".join(steps)}"/>{_head(points[-2], end)}'


def drawing(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    """Return the whole, of whose meaning *title* tells who cannot see it."""
    return (
        f'<svg class="drawn" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg"'
        f' viewBox="0 0 {width:g} {height:g}" width="{width:g}">{"".join(parts)}</svg>\n'
    )


def _towards(start: Point, end: Point, by: float = 7) -> Point:
    across, down = end[0] - start[0], end[1] - start[1]
    length = max((across**2 + down**2) ** 0.5, 1)
    return start[0] + across / length * by, start[1] + down / length * by


def _head(before: Point, end: Point) -> str:
    x, y = end
    back_x, back_y = _towards(end, before, 8)
    side_x, side_y = (back_y - y) / 2, (x - back_x) / 2
    return (
        f'<path class="head" d="M{x:g} {y:g} L{back_x + side_x:g} {back_y + side_y:g}'
        f' L{back_x - side_x:g} {back_y - side_y:g} Z"/>'
    )
