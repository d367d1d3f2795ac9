"""Deferral curves as one SVG file, drawn by hand: no script, no font, no outside file."""

from __future__ import annotations

from html import escape

from tierwise.router._evaluate import Evaluation, Row

WIDTH, HEIGHT, MARGIN = 640, 420, 56
COLOURS = ("#1f6feb", "#8b949e", "#bf8700", "#1a7f37", "#8250df")


def chart(found: Evaluation) -> str:
    """PGR over the share of calls at the dearest rung, a line for each way that ranks requests.

    Without such a way, the hull of cost and quality alone.
    """
    ways = [row for row in found.rows if row.curve]
    title = "Share of the gap recovered, over the share of calls at the dearest rung"
    if not ways:
        title = "Quality over cost of the scorer"
        ways = [Row(name="scorer", curve=_unit(found.hull))]
    top = max([1.0, *(y for row in ways for _, y in row.curve)])
    bottom = min([0.0, *(y for row in ways for _, y in row.curve)])
    body = [_axes(top, bottom), *(_line(row, at, top, bottom) for at, row in enumerate(ways))]
    told = "; ".join(f"{row.name} APGR {row.apgr:.3f}" for row in ways if row.apgr is not None)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title><desc>{escape(told)}</desc>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{MARGIN}" y="24" font-size="14">{escape(title)}</text>{"".join(body)}</svg>\n'
    )


def _unit(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Costs and qualities moved to 0 to 1."""
    spans = []
    for axis in (0, 1):
        values = [point[axis] for point in points]
        spans.append((min(values), (max(values) - min(values)) or 1.0))
    (x, wide), (y, high) = spans
    return tuple(((p - x) / wide, (q - y) / high) for p, q in points)


def _x(share: float) -> float:
    return round(MARGIN + share * (WIDTH - 2 * MARGIN - 110), 1)


def _y(value: float, top: float, bottom: float) -> float:
    return round(HEIGHT - MARGIN - (value - bottom) / (top - bottom) * (HEIGHT - 2 * MARGIN - 10), 1)


def _axes(top: float, bottom: float) -> str:
    low, high = _y(bottom, top, bottom), _y(top, top, bottom)
    parts = [f'<path d="M{_x(0)} {high}V{low}H{_x(1)}" fill="none" stroke="#57606a"/>']
    for step in range(6):
        part = step / 5
        parts.append(f'<text x="{_x(part)}" y="{low + 18}" text-anchor="middle">{part:.0%}</text>')
        y = _y(part, top, bottom)
        parts.append(f'<text x="{_x(0) - 6}" y="{y + 4}" text-anchor="end">{part:.0%}</text>')
        parts.append(f'<path d="M{_x(0)} {y}H{_x(1)}" stroke="#d0d7de" stroke-dasharray="2 4"/>')
    return "".join(parts)


def _line(row: Row, at: int, top: float, bottom: float) -> str:
    colour = COLOURS[at % len(COLOURS)]
    points = " ".join(f"{_x(x)},{_y(y, top, bottom)}" for x, y in row.curve)
    y = 60 + 34 * at
    area = "" if row.apgr is None else f"APGR {row.apgr:.3f}"
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{WIDTH - 150}" y="{y}" fill="{colour}">{escape(row.name)}</text>'
        f'<text x="{WIDTH - 150}" y="{y + 14}" fill="#57606a">{area}</text>'
    )
