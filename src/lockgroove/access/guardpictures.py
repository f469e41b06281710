"""Pictures of the guard as SVG: what leaked, how evidence is spread, and who stands together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from lockgroove.access.words import number
from lockgroove.guard.calibration import Tops
from lockgroove.guard.casefile import Case
from lockgroove.guard.leaks import Leak

_WIDE, _HIGH = 560, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 108, _WIDE - 14, 40, _HIGH - 46
_NATS_SHOWN = 200


def leak_curve(leak: Leak) -> Markup:
    """Distinct tracks of so many accounts together, beside what they would be if no two had met."""
    if len(leak.curve) < 2:
        return Markup("")
    across = _Scale(1, leak.curve[-1][0], _LEFT, _RIGHT)
    up = _Scale(max(1, leak.curve[0][1]), leak.bound[-1][1], _BOTTOM, _TOP)
    words = (
        f"{leak.curve[-1][0]:,} accounts had {leak.curve[-1][1]:,} distinct tracks;"
        f" had no two met, it would be {leak.bound[-1][1]:,}."
    )
    inner = across.ticks(_BOTTOM) + up.rungs() + _titles("accounts", "distinct tracks")
    lines = "".join(
        f'<path class="line {kind}" d="{_path([(across.at(k), up.at(t)) for k, t in points])}"/>'
        for kind, points in (("planned", leak.bound), ("held", leak.curve))
    )
    named = _legend(("held", "had"), ("planned", "if no two had met"))
    return _figure("leak", "Distinct tracks by number of accounts", words, inner + lines + named)


def calibration_plot(tops: Tops, thresholds: np.ndarray) -> Markup:
    """The share of account-days on which evidence rose so high, and the lowest threshold that ends it."""
    counts = tops.counts.sum(axis=(1, 2, 3))
    if counts.sum() == 0:
        return Markup("")
    bins = counts.shape[1] - 1
    nats = np.arange(bins + 1) * (512 / bins)
    shown = nats <= _NATS_SHOWN
    across = _Linear(0, _NATS_SHOWN, _LEFT, _RIGHT)
    up = _Scale(1e-6, 1, _BOTTOM, _TOP)
    lines = ""
    for taker, kind in ((0, "held"), (1, "planned")):
        share = np.cumsum(counts[taker][::-1])[::-1][shown] / max(1.0, counts[taker].sum())
        points = [
            (across.at(x), up.at(max(1e-6, y))) for x, y in zip(nats[shown][::8], share[::8], strict=False)
        ]
        lines += f'<path class="line {kind}" d="{_path(points)}"/>'
    least = float(np.min(thresholds))
    if least <= _NATS_SHOWN:
        at = f"{across.at(least):.1f}"
        lines += f'<path class="grid" d="M{at} {_TOP}V{_BOTTOM}"/>'
        lines += f'<text x="{at}" y="{_TOP + 34}" text-anchor="middle">lowest threshold</text>'
    titles = _titles("evidence at its highest", "account-days")
    named = _legend(("held", "takes all alike"), ("planned", "takes by popularity"))
    words = f"{tops.account_days:,.0f} account-days; the lowest threshold is {least:.0f}."
    return _figure(
        "calibration",
        "Share of account-days by highest evidence",
        words,
        across.ticks(_BOTTOM) + up.rungs() + lines + titles + named,
    )


def _titles(across: str, up: str) -> str:
    """What the axes are."""
    return (
        f'<text x="{_RIGHT}" y="{_HIGH - 2}" text-anchor="end">{across}</text>'
        f'<text x="2" y="{_TOP - 20}">{up}</text>'
    )


def _legend(*lines: tuple[str, str]) -> str:
    """Which line is which, at the top."""
    drawn, x = "", _LEFT + 130
    for kind, words in lines:
        drawn += f'<path class="line {kind}" d="M{x} {_TOP - 24}h28"/>'
        drawn += f'<text x="{x + 34}" y="{_TOP - 20}">{words}</text>'
        x += 60 + 7 * len(words)
    return drawn


def group_picture(cases: Sequence[Case]) -> Markup:
    """Groups that leave tracks to each other: a ring each, a dot for each account that has a case."""
    groups: dict[str, list[bool]] = {}
    for case in cases:
        for one in case.evidence:
            if one.family == "group" and one.body:
                groups.setdefault(str(one.body["group"]), []).append(bool(one.body["certain"]))
    if not groups:
        return Markup("")
    drawn, width = "", 150
    for place, (_, members) in enumerate(sorted(groups.items())[-6:]):
        drawn += _ring(75 + width * place, 75, members)
    words = "; ".join(
        f"group {name}: {number(len(members))} accounts" for name, members in sorted(groups.items())[-6:]
    )
    size = f"0 0 {width * min(6, len(groups))} 150"
    return Markup(  # noqa: S704  numbers, and words that were escaped
        f'<svg class="groups" viewBox="{size}" role="img" aria-labelledby="groups-title">'
        f'<title id="groups-title">{Markup.escape(words)}</title>{drawn}</svg>'
    )


def _ring(x: float, y: float, members: Sequence[bool]) -> str:
    dots = f'<circle class="locked" cx="{x}" cy="{y}" r="60"/>'
    for place, certain in enumerate(members[:60]):
        angle = 2 * math.pi * place / min(60, len(members))
        kind, dx, dy = "now" if certain else "maybe", 60 * math.cos(angle), 60 * math.sin(angle)
        dots += f'<circle class="{kind}" cx="{x + dx:.1f}" cy="{y + dy:.1f}" r="4"/>'
    return dots + f'<text x="{x}" y="{y + 4}" text-anchor="middle">{len(members)}</text>'


class _Linear:
    """Values along a line of the picture."""

    def __init__(self, least: float, most: float, start: float, end: float) -> None:
        self._least, self._most, self._start, self._end = least, max(most, least + 1e-9), start, end

    def at(self, value: float) -> float:
        """Where a value is."""
        part = (value - self._least) / (self._most - self._least)
        return self._start + (self._end - self._start) * part

    def marks(self) -> list[float]:
        """Values to be named."""
        return [self._least + (self._most - self._least) * n / 4 for n in range(5)]

    def ticks(self, bottom: float) -> str:
        """Named values below."""
        return "".join(
            f'<path class="tick" d="M{self.at(v):.1f} {bottom}v5"/>'
            f'<text x="{self.at(v):.1f}" y="{bottom + 22}" text-anchor="middle">{_short(v)}</text>'
            for v in self.marks()
        )

    def rungs(self) -> str:
        """Named values at the side."""
        return "".join(
            f'<path class="grid" d="M{_LEFT} {self.at(v):.1f}H{_RIGHT}"/>'
            f'<text x="{_LEFT - 8}" y="{self.at(v) + 4:.1f}" text-anchor="end">{_short(v)}</text>'
            for v in self.marks()
        )


class _Scale(_Linear):
    """The same by tenfold steps."""

    def at(self, value: float) -> float:
        """Where a value is."""
        part = math.log(value / self._least) / math.log(max(self._most / self._least, 1.000001))
        return self._start + (self._end - self._start) * part

    def marks(self) -> list[float]:
        """Powers of ten."""
        first, last = math.ceil(math.log10(self._least) - 1e-9), math.floor(math.log10(self._most) + 1e-9)
        return [10.0**n for n in range(first, last + 1)]


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1e6:g} M"
    if value >= 1:
        return f"{value:,.0f}"
    return f"{value:g}" if value == 0 else f"1 in {1 / value:,.0f}"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _figure(name: str, title: str, words: str, inner: str) -> Markup:
    return Markup(  # noqa: S704  numbers, and words that were escaped
        f'<svg class="curve plot" viewBox="0 0 {_WIDE} {_HIGH}" role="img"'
        f' aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{Markup.escape(title)}</title>'
        f'<desc id="{name}-d">{Markup.escape(words)}</desc>{inner}</svg>'
    )
