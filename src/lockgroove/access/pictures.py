"""Pictures as SVG, made here. Colours are classes of the stylesheet, so that both themes have theirs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from markupsafe import Markup

from lockgroove.access import words
from lockgroove.access.shapes import Coverage, CoveragePoint

_RINGS = 16


def groove(digest: str | None, identifier: str, rings: int = _RINGS) -> Markup:
    """A record whose grooves are drawn from the digest of the bytes; only an outline when there are none.

    A different bit gives a different record. It says nothing that the text beside it does not.
    """
    seed = bytes.fromhex(digest) if digest else hashlib.sha512(identifier.encode()).digest()
    lines = [_ring(seed[i * 4 : i * 4 + 4], 92 - i * (52 / rings), 52 / rings) for i in range(rings)]
    label = '<circle class="label" cx="100" cy="100" r="30"/><circle class="hole" cx="100" cy="100" r="4"/>'
    state = "record" if digest else "record absent"
    return _drawn(
        f'<svg class="{state}" viewBox="0 0 200 200" aria-hidden="true" focusable="false">'
        f'<circle class="disc" cx="100" cy="100" r="98"/>{"".join(lines)}'
        f'<circle class="locked" cx="100" cy="100" r="35"/>{label}</svg>'
    )


def _drawn(svg: str) -> Markup:
    """Safe to show: numbers, words of ours, and text that was escaped."""
    return Markup(svg)  # noqa: S704  the one place that says so


def _ring(four: bytes, radius: float, pitch: float) -> str:
    """One groove: how long it sounds, where it begins, how strong."""
    sounding = 8 + four[0] * 240 // 255
    turn = four[1] * 360 // 256
    width = pitch * (0.22 + 0.5 * (four[2] / 255))
    strength = 1 + four[3] * 4 // 256
    return (
        f'<circle class="g{strength}" cx="100" cy="100" r="{radius:.1f}" pathLength="256"'
        f' stroke-width="{width:.1f}" stroke-dasharray="{sounding} {256 - sounding}"'
        f' transform="rotate({turn} 100 100)"/>'
    )


def held_record(part: int, whole: int) -> Markup:
    """A record as a figure: a spiral inwards from the rim, bright as far as the share that is held."""
    share = part / whole if whole else 0.0
    points = [_on_spiral(i / 720) for i in range(721)]
    cut = round(720 * share)
    held, missing = _path(points[: cut + 1]), _path(points[cut:])
    return _drawn(
        '<svg class="record held-record" viewBox="0 0 200 200" aria-hidden="true" focusable="false">'
        f'<circle class="disc" cx="100" cy="100" r="98"/><path class="missing" d="{missing}"/>'
        f'<path class="held" d="{held}"/><circle class="locked" cx="100" cy="100" r="36"/>'
        '<circle class="label" cx="100" cy="100" r="30"/><circle class="hole" cx="100" cy="100" r="4"/></svg>'
    )


def _on_spiral(part: float) -> tuple[float, float]:
    """A point of seven turns inwards, at equal steps of the way's length."""
    radius = math.sqrt(93**2 - part * (93**2 - 42**2))
    angle = 2 * math.pi * 7 * (93 - radius) / (93 - 42) - math.pi / 2
    return 100 + radius * math.cos(angle), 100 + radius * math.sin(angle)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if len(points) > 1 else ""


def coverage_points(told: Coverage) -> list[CoveragePoint]:
    """The curve from nothing at all to all of the plan."""
    return [*told.held_curve, *told.curve[1:]]


def curve(told: Coverage, narrow: bool) -> Markup:
    """The coverage curve with its axes; `narrow` is drawn for a phone, with letters of the same size."""
    wide, high = (340, 300) if narrow else (760, 340)
    left, right, top, bottom = 52, wide - 14, 18, high - 44
    points = coverage_points(told)
    size_max = max((p.size_bytes for p in points), default=0) or 1
    whole = max(1, told.listens if told.by == "listens" else told.recordings)

    def place(p: CoveragePoint) -> tuple[float, float]:
        part = (p.listens if told.by == "listens" else p.recordings) / whole
        return left + (right - left) * p.size_bytes / size_max, bottom - (bottom - top) * part

    placed = [place(p) for p in points]
    held = placed[: len(told.held_curve)]
    planned = placed[len(held) - 1 :] if len(placed) > len(held) else []
    kind = "narrow" if narrow else "wide"
    title = f"coverage-title-{kind}"
    return _drawn(
        f'<svg class="curve {kind}" viewBox="0 0 {wide} {high}" role="img"'
        f' aria-labelledby="{title} {title}-more">'
        f'<title id="{title}">{Markup.escape(curve_title(told))}</title>'
        f'<desc id="{title}-more">{Markup.escape(curve_words(told))}</desc>'
        f"{_share_axis(left, right, top, bottom)}"
        f"{_size_axis(left, right, bottom, size_max, 3 if narrow else 6)}"
        f"{_area(held, bottom, 'held')}{_area(planned, bottom, 'planned')}"
        f'<path class="line planned" d="{_path(planned)}"/><path class="line held" d="{_path(held)}"/>'
        f"{_now(held, right)}</svg>"
    )


def curve_title(told: Coverage) -> str:
    """What the curve shows."""
    what = "listens" if told.by == "listens" else "recordings"
    return f"Share of known {what} held, by bytes kept"


def curve_words(told: Coverage) -> str:
    """The curve in a sentence."""
    part, whole = held_share(told)
    planned = f" The plan adds {words.size(told.bytes_planned)}." if told.bytes_planned else ""
    noun = "listens" if told.by == "listens" else "recordings"
    held = words.share(part, whole)
    return f"{words.size(told.bytes_held)} kept now carry {held} of all known {noun}.{planned}"


def held_share(told: Coverage) -> tuple[int, int]:
    """Part and whole of what is counted: listens, or recordings where no listens are known."""
    by_listens = told.by == "listens"
    return (told.listens_held, told.listens) if by_listens else (told.recordings_held, told.recordings)


def _share_axis(left: float, right: float, top: float, bottom: float) -> str:
    lines = []
    for percent in (0, 25, 50, 75, 100):
        y = bottom - (bottom - top) * percent / 100
        lines.append(
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/>'
            f'<text x="{left - 10}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
        )
    return "".join(lines)


def _size_axis(left: float, right: float, bottom: float, size_max: int, ticks: int) -> str:
    step = _round_step(size_max / ticks)
    texts = []
    for i in range(int(size_max / step) + 1):
        x = left + (right - left) * i * step / size_max
        anchor = "end" if x > right - 24 else "middle"
        texts.append(
            f'<path class="tick" d="M{x:.1f} {bottom}v5"/>'
            f'<text x="{x:.1f}" y="{bottom + 22}" text-anchor="{anchor}">{words.size(round(i * step))}</text>'
        )
    return "".join(texts)


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20 and so on."""
    power = 10 ** math.floor(math.log10(max(least, 1)))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= least))


def _area(points: Sequence[tuple[float, float]], bottom: float, kind: str) -> str:
    if len(points) < 2:
        return ""
    return f'<path class="area {kind}" d="{_path(points)}V{bottom:.1f}H{points[0][0]:.1f}Z"/>'


def _now(held: Sequence[tuple[float, float]], right: float) -> str:
    if len(held) < 2:
        return ""
    x, y = held[-1]
    beside = f'x="{x + 12:.1f}" y="{y + 18:.1f}"'
    if x > right - 80:
        beside = f'x="{x - 10:.1f}" y="{y + 28:.1f}" text-anchor="end"'
    return f'<circle class="now" cx="{x:.1f}" cy="{y:.1f}" r="5"/><text class="now" {beside}>held now</text>'


def vega_lite(told: Coverage) -> dict[str, object]:
    """The same figure as a Vega-Lite specification, with its data."""
    whole = max(1, held_share(told)[1])
    values = [
        {
            "bytes": p.size_bytes,
            "share": (p.listens if told.by == "listens" else p.recordings) / whole,
            "state": "held" if p.size_bytes <= told.bytes_held else "planned",
        }
        for p in coverage_points(told)
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": curve_title(told),
        "description": curve_words(told),
        "data": {"values": values},
        "mark": {"type": "area", "line": True},
        "encoding": {
            "x": {"field": "bytes", "type": "quantitative", "axis": {"format": "s", "title": "bytes kept"}},
            "y": {"field": "share", "type": "quantitative", "axis": {"format": "%", "title": "share held"}},
            "color": {"field": "state", "type": "nominal"},
        },
    }
