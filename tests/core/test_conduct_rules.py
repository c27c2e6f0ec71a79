"""Remote friends of an accomplice, second scans, and call codes."""

import os
import random
from collections import Counter
from dataclasses import replace

import pytest
from story import MINUTE, Story, row

from agent.core import codes
from agent.core import events as ev
from agent.core.layout import CheckInId, EvseId, PoolId
from agent.core.state import Bay, CheckIn, CheckInState, Code, Origin, Rank, Site

SOAK = os.environ.get("STATIONMASTER_SOAK") == "1"
FRIENDS = 50
JOINS_OF_A_WINDOW = 4  # the join budget of a display and window, kept at the edge


def lapse(story: Story, who: str) -> None:
    """Do nothing."""


def leave_at_the_last_second(story: Story, who: str) -> None:
    story.leaves(who)


def snooze_at_the_last_second(story: Story, who: str) -> None:
    story.snoozes(who, 1)


def press_start_from_afar(story: Story, who: str) -> None:
    story.presses_start(who)


@pytest.mark.parametrize("evses", [1, 3, 6])
@pytest.mark.parametrize("trick", [lapse, leave_at_the_last_second, snooze_at_the_last_second, press_start_from_afar])
def test_fifty_remote_friends_cost_a_bounded_number_of_holds_and_no_honest_place(evses: int, trick: object) -> None:
    story = Story(row(evses))
    friends = [f"friend {n}" for n in range(FRIENDS)]
    for n, friend in enumerate(friends):
        story.joins(friend, window=n // JOINS_OF_A_WINDOW)
    honest = ["hanna", "henry"]
    for n, who in enumerate(honest):
        story.joins(who, window=100 + n)
        story.scans(who)
    story.joins("helga", card="h")
    honest.append("helga")
    assert callable(trick)
    rounds = 0
    while not story.site.scan_all:
        rounds += 1
        assert rounds < FRIENDS
        story.after(minutes=4.98)
        for friend in friends:
            if story.called(friend) is not None:
                trick(story, friend)
        story.after(minutes=0.02)
    lost = [e for e in story.happened(ev.EvseAssigned) if e.check_in in {story.people[f] for f in friends}]
    assert len(lost) <= 5 + evses
    # From here on no friend is called, and everybody honest is, in the order they came.
    calls = len(lost)
    for who in honest:
        number = story.called(who)
        while number is None:
            story.after(minutes=1)
            number = story.called(who)
        assert story.presses_start(who) is None
        story.plugs(number)
        assert story.state(who) is CheckInState.FULFILLED
        story.unplugs(number)
    again = [e for e in story.happened(ev.EvseAssigned) if e.check_in in {story.people[f] for f in friends}]
    assert len(again) == calls


def test_two_no_shows_of_a_window_cost_the_others_a_scan() -> None:
    story = Story(row(2))
    story.sees(1, Bay.FREE)
    for who in ("ann", "bob", "cleo"):
        story.joins(who, window=5)
    story.joins("dan", window=6)
    story.after(minutes=5)
    assert [e.window for e in story.happened(ev.ScanDemanded)] == [5]
    assert (story.called("cleo"), story.called("dan")) == (None, 1)
    assert story.state("cleo") is CheckInState.WAITING
    story.scans("cleo")
    assert story.called("cleo") == 2
    story.joins("eve", window=5)  # joined in a window that is known for it
    assert story.of("eve").must_scan


def test_holders_who_never_showed_must_scan_before_they_are_called_again() -> None:
    story = Story(row(3))
    for who in ("ann", "bob"):
        story.joins(who, window=5)
    story.after(minutes=2)
    story.joins("cleo", window=5)
    story.after(minutes=3)
    assert story.called("cleo") == 3  # what is held stays held
    story.snoozes("cleo", 1)
    story.after(minutes=1)
    assert (story.called("cleo"), story.state("cleo")) == (None, CheckInState.WAITING)


def test_the_demand_for_second_scans_ends_after_a_while_for_newcomers() -> None:
    story = Story(row(2))
    for who in ("ann", "bob", "cleo"):
        story.joins(who, window=5)
    story.after(minutes=5)
    assert story.site.scan_windows == (5,)
    story.after(minutes=30)
    assert not story.site.scan_windows
    assert not story.site.no_shows
    assert story.of("cleo").must_scan
    story.joins("dan", window=5)
    assert story.called("dan") is not None


def test_old_no_shows_are_not_held_against_others() -> None:
    story = Story(row(1))
    for n in range(7):
        story.joins(f"friend {n}", window=n)
        story.after(minutes=11)
    assert len(story.site.no_shows) == 7
    assert not story.site.scan_all


def test_the_known_and_the_proven_are_not_counted() -> None:
    story = Story(row(1))
    story.joins("ann", window=1)
    story.scans("ann")
    story.joins("bob", card="b", window=1)
    story.after(minutes=30)
    assert story.site.no_shows == ()


# --- call codes


def test_codes_cannot_be_mistaken() -> None:
    assert len(codes.SHORT) == 77
    assert len(codes.LONG) == 590
    for code in (*codes.SHORT, *(c for c, _ in codes.LONG), *(c for c, _ in codes.LONGEST)):
        assert code[0] in codes.LETTERS
        assert set(code[1:]) <= set(codes.DIGITS)
    assert not {"H8", "V2", "C4"} & set(codes.SHORT)
    assert not {c for c, _ in codes.LONG if c[1:] in codes.OFFENSIVE_ENDINGS}


def test_draws_under_load_never_meet() -> None:
    """Open check-ins come and go like a day at a huge site; the rules of `experience.md` 8 hold for each code."""
    chance = random.Random(8)
    site = Story(row(3)).site
    labels = codes.labels(row(3))
    open_codes: dict[int, str] = {}
    ended: dict[str, int] = {}
    draws = 100_000 if SOAK else 4_000
    full = 500  # the most that can be open
    now = 0
    asked = 0
    while asked < draws:
        # The draws of one state: what counts is the state, so each is asked many times.
        check_ins = {
            CheckInId(n): CheckIn(
                id=CheckInId(n),
                pool=PoolId("A"),
                code=code,
                origin=Origin.PAGE,
                state=CheckInState.WAITING,
                rank=Rank(place=n),
                accepts=(),
                since_ms=0,
                sequence=0,
            )
            for n, code in open_codes.items()
        }
        old = tuple(Code(code=c, ended_ms=t) for c, t in sorted(ended.items(), key=lambda p: (p[1], p[0])))[-600:]
        loaded = replace(site, check_ins=check_ins, old_codes=old)
        short_busy = {c for c in open_codes.values() if len(c) == 2}
        short_busy |= {o.code for o in old if len(o.code) == 2 and now - o.ended_ms < codes.REUSE_AFTER_MS}
        for _ in range(25):
            code = codes.pick_code(loaded, chance.getrandbits(32), now)
            assert code not in open_codes.values()
            assert code not in labels
            if len(open_codes) > codes.LONG_FROM_OPEN:
                assert len(code) > 2
                assert code[:2] not in short_busy
            asked += 1
        open_codes[asked] = code
        ended.pop(code, None)
        now += chance.randrange(2 * MINUTE)
        aim = chance.choice((10, 45, 120, full))
        while len(open_codes) > aim or (open_codes and chance.random() < 0.3):
            gone = chance.choice(sorted(open_codes))
            ended[open_codes.pop(gone)] = now


def test_a_code_rests_two_hours_and_the_longest_unused_come_first() -> None:
    story = Story(row(1))
    used: Counter[str] = Counter()
    for n in range(38):
        story.joins(f"user {n}")
        used[story.of(f"user {n}").code] += 1
        story.leaves(f"user {n}")
    assert max(used.values()) == 1
    for n in range(60):  # 77 codes, 38 of them resting; a rested half is always there, or the long form
        story.joins(f"other {n}")
        assert story.of(f"other {n}").code not in used
        story.leaves(f"other {n}")


def test_without_a_free_code_the_form_grows() -> None:
    story = Story(row(1))
    for n in range(90):
        story.joins(f"user {n}", wishes=None)
        story.leaves(f"user {n}")
    lengths = Counter(len(e.code) for e in story.happened(ev.CheckedIn))
    assert lengths[2] == 77
    assert lengths[3] + lengths[4] == 13


def test_when_all_is_taken_the_longest_form_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "LONG", (("K23", "K2"),))
    monkeypatch.setattr(codes, "SHORT", ("K2",))
    monkeypatch.setattr(codes, "LONGEST", (("K234", "K2"), ("K235", "K2")))
    story = Story(row(1))
    for who in ("ann", "bob", "cleo"):
        story.joins(who)
    assert sorted(c.code for c in story.site.check_ins.values()) == ["K2", "K234", "K235"]


def test_labels_on_site_are_no_codes() -> None:
    layout = row(1)
    bay = type(layout.evses[0])(id=EvseId(1), label="k7", connectors=layout.evses[0].connectors)
    named = type(layout)(**{f: getattr(layout, f) for f in layout.__slots__} | {"evses": (bay,)})
    assert codes.labels(named) == {"K7", "1", "A"}
    site = Story(named).site
    assert all(codes.pick_code(site, draw, 0) != "K7" for draw in range(100))
    assert codes.pick_code(Site(), 3, 0) in codes.SHORT
