"""The waveforms of the lamp language as data: how bright a lamp is at an instant of the site-wide 4 s bar.

Pure. The bar starts at monotonic second 0, 4, 8 ..., so that neighbours flash together: over all waveforms at once the
light rises at most three times in any second, at 0, 0.3 and 0.5 s (WCAG 2.3.1, three flashes). Which waveform means
what is not decided here, and colours are only chosen between the two that a signal names.
"""

import math
from dataclasses import dataclass

from drivers.ports import LampSignal, Waveform

BAR_S = 4.0
BREATHE_LOW = 0.25  # the darkest of a breath: still a lamp that is on
ROUNDING_S = 1e-6  # a woken driver may see 0.2999999 for 0.3: instants nearer than this are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One period of a waveform in seconds: when the lamp is on, and when it shows its second colour."""

    period_s: float
    on: tuple[tuple[float, float], ...]
    second: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse a period that does not fit the bar, and stretches outside it or out of order."""
        edges = [0.0, *(edge for stretch in self.on for edge in stretch), self.period_s]
        if BAR_S % self.period_s or edges != sorted(edges):
            raise ValueError(f"a pattern must fit the bar of {BAR_S} s, with stretches in order: {self}")


WAVEFORMS: dict[Waveform, Pattern] = {
    Waveform.OFF: Pattern(period_s=4.0, on=()),
    Waveform.STEADY: Pattern(period_s=4.0, on=((0.0, 4.0),)),
    Waveform.OCCULTING: Pattern(period_s=2.0, on=((0.0, 1.8),)),
    Waveform.OCCULTING_SLOW: Pattern(period_s=4.0, on=((0.0, 3.0),)),
    Waveform.BLINK: Pattern(period_s=1.0, on=((0.0, 0.5),)),
    Waveform.SLOW_BLINK: Pattern(period_s=4.0, on=((0.0, 2.0),)),
    Waveform.BREATHE: Pattern(period_s=4.0, on=((0.0, 4.0),)),  # its level is the cosine in `level`
    Waveform.DOUBLE: Pattern(period_s=2.0, on=((0.0, 0.15), (0.3, 0.45))),
    Waveform.ALTERNATE: Pattern(period_s=2.0, on=((0.0, 2.0),), second=(1.0, 2.0)),
    Waveform.WINK: Pattern(period_s=2.0, on=((0.0, 0.5),)),
    Waveform.WINK_SHORT: Pattern(period_s=2.0, on=((0.0, 0.2),)),
    Waveform.ALARM: Pattern(period_s=0.5, on=((0.0, 0.25),)),
}
"""Timings of the lamp language: hertz and duty of its table, as seconds."""


def level(waveform: Waveform, monotonic_s: float) -> float:
    """Return the brightness from 0 to 1 at a monotonic instant."""
    pattern = WAVEFORMS[waveform]
    phase_s = _phase(pattern, monotonic_s)
    if waveform is Waveform.BREATHE:
        return BREATHE_LOW + (1 - BREATHE_LOW) * (1 - math.cos(2 * math.pi * phase_s / pattern.period_s)) / 2
    return 1.0 if any(start <= phase_s < end for start, end in pattern.on) else 0.0


def colour(signal: LampSignal, monotonic_s: float) -> str:
    """Return which of a signal's colours is due; the first where it names only one."""
    pattern = WAVEFORMS[signal.waveform]
    if pattern.second is None or signal.second_colour is None:
        return signal.colour
    start, end = pattern.second
    return signal.second_colour if start <= _phase(pattern, monotonic_s) < end else signal.colour


def switched(waveform: Waveform) -> Waveform:
    """Return what a lamp shows that can only be on or off: BREATHE becomes OCCULTING_SLOW."""
    return Waveform.OCCULTING_SLOW if waveform is Waveform.BREATHE else waveform


def next_change(waveform: Waveform, monotonic_s: float) -> float | None:
    """Return the next instant at which a switched lamp changes level or colour, or None if it never does."""
    pattern = WAVEFORMS[switched(waveform)]
    stretches = pattern.on if pattern.second is None else (*pattern.on, pattern.second)
    inner: set[float] = {edge for stretch in stretches for edge in stretch}
    if inner <= {0.0, pattern.period_s}:
        return None
    phase_s = _phase(pattern, monotonic_s)
    start_s = monotonic_s + ROUNDING_S - phase_s
    return start_s + min(edge for edge in {*inner, pattern.period_s} if edge > phase_s)


def rises(waveform: Waveform) -> tuple[float, ...]:
    """Return the seconds of the bar at which the light rises or changes colour; a breath rises once, from its start."""
    pattern = WAVEFORMS[waveform]
    starts = {start for start, _ in pattern.on}
    if waveform is Waveform.STEADY:
        starts = set()
    if pattern.second is not None:
        starts.add(pattern.second[0])
    repeats = round(BAR_S / pattern.period_s)
    return tuple(sorted(start + repeat * pattern.period_s for repeat in range(repeats) for start in starts))


def _phase(pattern: Pattern, monotonic_s: float) -> float:
    return (monotonic_s + ROUNDING_S) % pattern.period_s
