"""The lamp table: every two states can be told apart, whoever looks."""

from dataclasses import replace

import pytest

from agent.core.colours import Vision, ciede2000, distance, least_distance, linear_rgb
from agent.core.lamps import BLUE, GREEN, LAMPS, PURPLE, RED, WHITE, Lamp, LampState, Waveform, confusable, themed
from drivers import ports

# From the test data of Sharma, Wu and Dalal 2005: the cases around hue 0/360, greys and large differences.
SHARMA = (
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, -0.001, 2.49), (50.0, 0.0009, -2.49), 4.8045),
    ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
    ((50.0, 2.5, 0.0), (56.0, -27.0, -3.0), 31.9030),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((35.0831, -44.1164, 3.7933), (35.0232, -40.0716, 1.5901), 1.8645),
    ((36.4612, 47.858, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
)


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_ciede2000_gives_the_published_differences(
    one: tuple[float, float, float], other: tuple[float, float, float], expected: float
) -> None:
    assert ciede2000(one, other) == pytest.approx(expected, abs=1e-4)
    assert ciede2000(other, one) == pytest.approx(expected, abs=1e-4)


def test_red_before_the_turn_of_the_hue_circle_is_near_red_behind_it() -> None:
    assert ciede2000((50.0, 30.0, -3.0), (50.0, 30.0, 3.0)) < 4
    assert ciede2000((50.0, 30.0, 3.0), (50.0, 30.0, -3.0)) < 4


def test_every_state_has_a_lamp_and_no_two_can_be_confused() -> None:
    assert tuple(LAMPS) == tuple(LampState)
    assert confusable(LAMPS) == ()


def test_colours_that_share_a_pattern_are_as_far_apart_as_was_computed_for_the_design() -> None:
    assert least_distance(GREEN, WHITE) == pytest.approx(21, abs=1)
    assert least_distance(PURPLE, WHITE) == pytest.approx(41, abs=1)
    assert least_distance(GREEN, BLUE) == pytest.approx(36, abs=1)


def test_protans_can_hardly_tell_purple_from_blue_so_the_pattern_must() -> None:
    assert distance(PURPLE, BLUE, Vision.PROTAN) < 10 < distance(PURPLE, BLUE, Vision.NORMAL)
    assert LAMPS[LampState.HELD].waveform is not LAMPS[LampState.CHARGING].waveform


def test_the_waveforms_are_those_of_the_lamp_driver() -> None:
    assert {w.value for w in Waveform} <= {w.value for w in ports.Waveform}


def test_a_theme_changes_colours_and_is_told_what_would_be_confused() -> None:
    theme = themed({LampState.PREPARING: GREEN})
    assert theme[LampState.PREPARING] == Lamp(colour=GREEN, waveform=Waveform.STEADY)
    assert confusable(theme) == ((LampState.FREE, LampState.PREPARING, 0.0),)
    assert themed({}) == LAMPS


def test_a_table_of_some_states_is_judged_by_these() -> None:
    assert confusable({LampState.FREE: LAMPS[LampState.FREE]}) == ()


@pytest.mark.parametrize("colour", ["red", "#12345", "00e68c0", "#zzzzzz"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match=r"#rrggbb|invalid literal"):
        Lamp(colour=colour, waveform=Waveform.STEADY)


def test_a_second_colour_belongs_to_a_lamp_that_alternates() -> None:
    with pytest.raises(ValueError, match="alternate"):
        Lamp(colour=RED, waveform=Waveform.STEADY, second_colour=BLUE)
    with pytest.raises(ValueError, match="alternate"):
        replace(LAMPS[LampState.WRONG_CAR], second_colour=None)


def test_dark_parts_of_a_colour_are_linear() -> None:
    assert linear_rgb("#0a0000")[0] == pytest.approx(10 / 255 / 12.92)
