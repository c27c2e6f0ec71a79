"""Whatever happens: nobody is overtaken unjustly, energy has a right, everything ends, late is punctual."""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_days import GAPS_MS, WHATS, Day, Deed, live, live_late, random_deeds
from story import one_use_each
from witness import Witness

from agent.core.evolve import APPLY
from agent.core.layout import Now
from agent.core.site import fold, restate, settle, wake

SOAK = os.environ.get("STATIONMASTER_SOAK") == "1"
DAYS = settings(
    max_examples=3000 if SOAK else 40,
    deadline=None,
    derandomize=not SOAK,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
deeds = st.lists(
    st.builds(Deed, st.sampled_from(WHATS), st.integers(0, 7), st.integers(0, 7), st.sampled_from(GAPS_MS)),
    max_size=80,
)


def judge(day: Day) -> None:
    """Let a witness judge every event, and check what must hold after every input."""
    witness = Witness()
    instant = 0
    for moment in day.moments:
        for event in moment.events:
            assert event.at_ms >= instant, "time went back"
            instant = event.at_ms
            witness.sees(event)
        assert fold(moment.events, moment.before) == moment.site
        assert fold(restate(moment.site)) == moment.site
        one_use_each(moment.site)
    assert fold(day.events) == day.site, "the replay differs"
    assert all(p.there == "gone" for p in witness.people.values()), "somebody waits for ever"
    assert not day.site.check_ins, "somebody is remembered for ever"
    assert not day.site.reservations, "a booking is remembered for ever"
    assert wake(day.site) is None, "something goes on for ever"


def compare_late(day: Day) -> None:
    """Living the same day late gives the same events."""
    late = live_late(day.script)
    assert late.events == day.events
    assert late.site == day.site


@DAYS
@given(deeds)
def test_a_day_is_just_and_late_is_punctual(deeds: list[Deed]) -> None:
    day = live(deeds)
    judge(day)
    compare_late(day)


@pytest.mark.parametrize("seed", range(1000 if SOAK else 12))
def test_a_long_day_is_just_and_late_is_punctual(seed: int) -> None:
    day = live(random_deeds(random.Random(seed), 150))
    judge(day)
    compare_late(day)


@pytest.mark.parametrize("seed", range(100 if SOAK else 4))
def test_a_cut_after_any_input_changes_nothing(seed: int) -> None:
    """What is restated at any moment goes on exactly as what was never cut."""
    for moment in live(random_deeds(random.Random(1000 + seed), 80)).moments:
        horizon = Now(moment.site.elapsed_ms + 60 * 60_000)
        again = fold(restate(moment.site))
        assert settle(again, horizon) == settle(moment.site, horizon)


def test_random_days_see_everything() -> None:
    """The days are worth something only if all kinds of things happen on them."""
    seen = {type(e) for seed in range(60) for e in live(random_deeds(random.Random(seed), 150)).events}
    assert [e for e in APPLY if e not in seen and not e.__name__.endswith("Restated")] == []
