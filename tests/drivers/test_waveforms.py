"""The lamp language as data: timings, safety of all lamps together, and lamps that can only switch."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.light.waveforms import BAR_S, WAVEFORMS, Pattern, colour, level, next_change, rises, switched
from drivers.ports import LampSignal, Waveform

DUTY_AND_HERTZ = [
    (Waveform.OCCULTING, 0.9, 0.5),
    (Waveform.OCCULTING_SLOW, 0.75, 0.25),
    (Waveform.BLINK, 0.5, 1.0),
    (Waveform.SLOW_BLINK, 0.5, 0.25),
    (Waveform.WINK, 0.25, 0.5),
    (Waveform.WINK_SHORT, 0.1, 0.5),
    (Waveform.ALARM, 0.5, 2.0),
]


@pytest.mark.parametrize(("waveform", "duty", "hertz"), DUTY_AND_HERTZ)
def test_duty_and_frequency_are_those_of_the_lamp_language(waveform: Waveform, duty: float, hertz: float) -> None:
    samples = [level(waveform, (i + 0.5) / 1000) for i in range(4000)]
    assert sum(samples) / len(samples) == pytest.approx(duty)
    assert len(rises(waveform)) == hertz * BAR_S


def test_every_waveform_has_a_pattern() -> None:
    assert set(WAVEFORMS) == set(Waveform)


def test_double_is_two_pulses_of_150_ms_with_a_gap_of_150_ms_every_two_seconds() -> None:
    on = [round(i / 100, 2) for i in range(200) if level(Waveform.DOUBLE, i / 100 + 0.005)]
    assert on == [*(i / 100 for i in range(15)), *(i / 100 for i in range(30, 45))]
    assert rises(Waveform.DOUBLE) == (0.0, 0.3, 2.0, 2.3)


def test_a_breath_goes_from_a_quarter_to_full_and_back_in_four_seconds() -> None:
    levels = [level(Waveform.BREATHE, i / 100) for i in range(401)]
    assert min(levels) == pytest.approx(0.25)
    assert max(levels) == pytest.approx(1.0)
    assert levels[0] == pytest.approx(levels[400], abs=1e-4)
    assert all(after >= before for before, after in itertools.pairwise(levels[:201]))


def test_all_lamps_of_a_site_together_rise_at_most_three_times_in_any_second() -> None:
    bar = sorted({rise for waveform in Waveform for rise in rises(waveform)})
    site = bar + [rise + BAR_S for rise in bar]
    for start_s in site:
        assert len([rise for rise in site if start_s <= rise < start_s + 1]) <= 3


def test_light_rises_only_at_0_and_300_and_500_ms_of_a_second() -> None:
    offsets = {round(rise % 1, 3) for waveform in Waveform for rise in rises(waveform)}
    assert offsets == {0.0, 0.3, 0.5}


@pytest.mark.parametrize("waveform", [w for w in Waveform if w is not Waveform.BREATHE])
def test_the_listed_rises_are_the_ones_one_sees(waveform: Waveform) -> None:
    signal = LampSignal(colour="#ff9600", second_colour="#c828ff", waveform=waveform)
    seen = []
    for i in range(4000):
        before, after = i / 1000 - 0.0005, i / 1000 + 0.0005
        brighter = level(waveform, after) > level(waveform, before)
        if brighter or (colour(signal, after) != colour(signal, before)):
            seen.append(round(i / 1000, 3))
    assert tuple(seen) == rises(waveform)


def test_alternate_shows_each_colour_for_a_second() -> None:
    signal = LampSignal(colour="#ff9600", second_colour="#c828ff", waveform=Waveform.ALTERNATE)
    assert [colour(signal, t) for t in (0.0, 0.99, 1.0, 1.99, 2.0)] == ["#ff9600"] * 2 + ["#c828ff"] * 2 + ["#ff9600"]
    single = LampSignal(colour="#ff9600", waveform=Waveform.ALTERNATE)
    assert colour(single, 1.5) == "#ff9600"


def test_a_lamp_that_can_only_switch_occults_slowly_instead_of_breathing() -> None:
    assert switched(Waveform.BREATHE) is Waveform.OCCULTING_SLOW
    assert all(switched(w) is w for w in Waveform if w is not Waveform.BREATHE)


@given(waveform=st.sampled_from(list(Waveform)), start_s=st.floats(0, 1e6))
def test_nothing_changes_between_now_and_the_next_change_and_something_changes_there(
    waveform: Waveform, start_s: float
) -> None:
    signal = LampSignal(colour="#ff9600", second_colour="#c828ff", waveform=switched(waveform))

    def look(instant_s: float) -> tuple[float, str]:
        return level(signal.waveform, instant_s), colour(signal, instant_s)

    change_s = next_change(waveform, start_s)
    if change_s is None:
        assert {look(start_s + i / 7) for i in range(60)} == {look(start_s)}
        return
    assert start_s < change_s <= start_s + BAR_S
    for i in range(1, 20):
        between_s = start_s + (change_s - start_s) * i / 20
        if change_s - between_s > 1e-5:
            assert look(between_s) == look(start_s)
    assert look(change_s) != look(start_s)


def test_levels_stay_between_dark_and_full() -> None:
    for waveform, i in itertools.product(Waveform, range(400)):
        assert 0.0 <= level(waveform, i / 100) <= 1.0
        assert not math.isnan(level(waveform, i / 100))


@pytest.mark.parametrize(
    "wrong",
    [{"period_s": 3.0, "on": ()}, {"period_s": 2.0, "on": ((0.5, 0.2),)}, {"period_s": 1.0, "on": ((0.5, 2.0),)}],
)
def test_a_pattern_that_does_not_fit_the_bar_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must fit the bar"):
        Pattern(**wrong)  # type: ignore[arg-type]
