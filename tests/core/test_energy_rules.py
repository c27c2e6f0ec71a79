"""May energy flow: swipe, remote start, page and plug first ask the same question; and how a stay ends."""

from collections.abc import Callable

import pytest
from story import ONE, Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.decide import decide
from agent.core.layout import AdHocStart, EvseId, Now, SubjectRef
from agent.core.observe import observe
from agent.core.permit import Asker, Denied, Granted, Use, permit
from agent.core.site import fold, settle
from agent.core.state import CheckInState, EndOfEnergy, Means, Reason, Site, TokenAnswer

R = i.Refusal


def swipe(story: Story, card: str) -> object:
    return story.swipes(card, 1)


def remote(story: Story, card: str) -> object:
    return story.starts_remotely(card, 1)


def remote_anywhere(story: Story, card: str) -> object:
    return story.starts_remotely(card)


def plug_first(story: Story, card: str) -> object:
    return None  # the car is plugged in already


PATHS = [swipe, remote, remote_anywhere]


@pytest.mark.parametrize("start", [*PATHS, plug_first])
@pytest.mark.parametrize("policy", list(AdHocStart))
def test_nobody_else_starts_in_a_held_bay(start: Callable[[Story, str], object], policy: AdHocStart) -> None:
    story = Story(row(1, ad_hoc_start=policy, accept_on_plug=True))
    story.joins("ann", card="a")
    story.plugs(1)
    start(story, "stranger")
    assert not story.charging(1)
    assert story.called("ann") == 1


@pytest.mark.parametrize("start", PATHS)
def test_the_holder_starts_by_every_path(start: Callable[[Story, str], object]) -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.plugs(1)
    start(story, "a")
    assert story.charging(1)
    assert story.state("ann") is CheckInState.FULFILLED
    assert story.site.stays[EvseId(1)].check_in == story.people["ann"]


@pytest.mark.parametrize("start", [*PATHS, plug_first])
def test_nobody_starts_in_a_bay_that_others_wait_for(start: Callable[[Story, str], object]) -> None:
    story = Story(row(1, accept_on_plug=True))
    story.parks(1)
    story.joins("ann")
    story.plugs(1)
    start(story, "stranger")
    assert not story.charging(1)


@pytest.mark.parametrize("start", PATHS)
def test_a_place_in_one_line_is_none_in_another(start: Callable[[Story, str], object]) -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1]), pool("B", [2])]))
    story.somebody_charges(2)
    story.joins("ann", "B", card="a")
    story.plugs(1)  # somebody in front, so that the bay cannot be given
    story.joins("bob", "A", card="b")
    start(story, "a")
    assert not story.charging(1)
    start(story, "b")
    assert story.charging(1)


@pytest.mark.parametrize("start", PATHS)
def test_a_free_bay_nobody_waits_for_is_free_to_use(start: Callable[[Story, str], object]) -> None:
    story = Story(row(1))
    story.plugs(1)
    start(story, "stranger")
    assert story.charging(1)
    assert story.site.stays[EvseId(1)].means is (Means.ID_TOKEN if start is swipe else Means.REMOTE)


def test_plug_first_starts_only_where_the_site_says_so() -> None:
    for policy, on_plug, starts in (
        (AdHocStart.FREE, True, True),
        (AdHocStart.FREE, False, False),
        (AdHocStart.NONE, True, False),
        (AdHocStart.CSMS, True, False),
    ):
        story = Story(row(1, ad_hoc_start=policy, accept_on_plug=on_plug))
        story.plugs(1)
        assert story.charging(1) is starts


def test_a_plugged_car_starts_when_the_line_is_gone() -> None:
    story = Story(row(1, accept_on_plug=True))
    story.parks(1)
    story.joins("ann")
    story.plugs(1)
    assert not story.charging(1)
    story.leaves("ann")
    assert story.charging(1)


@pytest.mark.parametrize(("policy", "answer"), [(AdHocStart.NONE, R.PAYMENT_NEEDED), (AdHocStart.CSMS, None)])
def test_without_free_charging_the_page_starts_nothing_by_itself(policy: AdHocStart, answer: i.Refusal | None) -> None:
    """With `csms` the shell presents the operator's IdToken after the page was answered."""
    story = Story(row(1, ad_hoc_start=policy))
    story.joins("ann")
    assert story.presses_start("ann") is None
    assert story.presses_start("ann") is answer
    story.plugs(1)
    assert story.state("ann") is CheckInState.FULFILLED
    assert story.presses_start("ann") is answer
    assert not story.charging(1)
    assert story.swipes("any valid card", 1) is TokenAnswer.STARTED
    assert story.charging(1)


def test_the_page_of_who_waits_starts_nothing() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    assert story.presses_start("ann") is R.NOT_YOUR_TURN
    assert story.presses_stop("ann") is R.NOT_CHARGING


def test_an_old_page_does_not_start_a_later_car() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.presses_start("ann")
    story.plugs(1)
    story.leaves_the_bay(1)
    story.plugs(1)
    assert story.presses_start("ann") is R.CHECKIN_ENDED
    assert not story.charging(1)
    assert story.presses_stop("ann") is R.NOT_CHARGING


def test_a_page_start_is_refused_like_any_other_while_the_evse_is_broken() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.presses_start("ann")
    story.breaks(1)
    story.plugs(1)
    story.is_mended(1)
    assert not story.charging(1)  # the hold was lost with the fault
    story.unplugs(1)
    assert story.called("ann") == 1
    story.presses_start("ann")
    story.plugs(1)
    assert story.charging(1)
    held = Story(row(1, ad_hoc_start=AdHocStart.NONE))
    held.joins("ann")
    held.presses_start("ann")
    held.plugs(1)
    free = row(1)
    held.reads(free, "2")  # from now on charging costs nothing: the plugged car starts at once
    assert held.charging(1)


def test_a_page_start_meets_the_faults_of_the_location() -> None:
    story = Story(row(1, ad_hoc_start=AdHocStart.NONE))
    story.joins("ann")
    story.presses_start("ann")
    story.plugs(1)
    story.breaks(1)
    story.reads(row(1), "2")
    assert story.presses_start("ann") is R.NONE_IN_SERVICE
    story.is_mended(1)
    assert story.charging(1)


def test_a_holder_with_a_card_pays_with_that_card() -> None:
    story = Story(row(1, ad_hoc_start=AdHocStart.NONE))
    story.joins("ann", card="a")
    story.presses_start("ann")
    story.plugs(1)
    assert story.starts_remotely("other", 1) is R.HELD_FOR_OTHER
    assert story.swipes("a", 1) is TokenAnswer.STARTED


def test_the_next_card_counts_once_an_anonymous_holder_said_it_is_them() -> None:
    story = Story(row(1))
    story.joins("ann")
    assert story.starts_remotely("x", 1) is R.HELD_FOR_OTHER
    story.presses_start("ann")
    assert story.starts_remotely("x", 1) is None
    assert story.state("ann") is CheckInState.FULFILLED


@pytest.mark.parametrize("verdict", [v for v in i.Verdict if v is not i.Verdict.ACCEPTED])
def test_a_card_that_is_not_accepted_does_nothing(verdict: i.Verdict) -> None:
    story = Story(row(1))
    story.plugs(1)
    assert story.swipes("x", 1, verdict=verdict) is TokenAnswer.NOT_ACCEPTED
    refused = story.asks(i.RemoteStart(subject=SubjectRef("x"), verdict=verdict, evse=EvseId(1)))
    assert refused is R.TOKEN_UNKNOWN
    assert not story.charging(1)
    assert not story.site.check_ins


# --- why not


def test_each_no_has_its_reason() -> None:
    story = Story(row(2), ready=False)
    asker = Asker(subject=SubjectRef("x"))

    def why(number: int = 1) -> i.Refusal:
        answer = permit(story.site, EvseId(number), asker, story.now)
        assert isinstance(answer, Denied)
        return answer.reason

    assert permit(Site(), EvseId(1), asker, Now(0)) == Denied(reason=R.STARTING)
    assert why() is R.STARTING
    story.gets_ready()
    assert why(9) is R.EVSE_UNKNOWN
    story.is_switched(1, on=False)
    assert why() is R.NONE_IN_SERVICE
    story.is_switched(1, on=True)
    story.somebody_charges(1)
    assert why() is R.EVSE_OCCUPIED
    story.joins("ann")
    assert why(2) is R.HELD_FOR_OTHER


def test_the_page_is_who_it_belongs_to() -> None:
    story = Story(row(2))
    story.joins("ann")
    held = permit(story.site, EvseId(1), Asker(check_in=story.people["ann"]), story.now)
    assert held == Granted(use=Use.HOLD, check_in=story.people["ann"])
    story.leaves("ann")
    ended = permit(story.site, EvseId(1), Asker(check_in=story.people["ann"]), story.now)
    assert ended == Granted(use=Use.FREE)
    story.parks(1)
    story.parks(2)
    story.joins("bob")
    story.joins("cleo")
    for who, answer in (
        ("bob", Granted(use=Use.FREE, check_in=story.people["bob"])),
        ("cleo", Denied(reason=R.NOT_YOUR_TURN, check_in=story.people["bob"])),
    ):
        assert permit(story.site, EvseId(1), Asker(check_in=story.people[who]), story.now) == answer


def test_pressing_start_leaves_the_start_to_what_follows_by_itself() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.presses_start("ann")
    plugged = fold(observe(story.site, i.PluggedIn(evse=EvseId(1), connector=ONE), story.now), story.site)
    assert decide(plugged, i.StartAtPage(check_in=story.people["ann"]), story.now) == ()
    assert settle(plugged, story.now)[0].stays[EvseId(1)].wants_energy


def test_whoever_plugs_in_at_a_confirmed_hold_is_the_holder() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    nobody = Asker()
    assert permit(story.site, EvseId(1), nobody, story.now) == Denied(
        reason=R.HELD_FOR_OTHER, check_in=story.people["ann"]
    )
    story.presses_start("ann")
    assert isinstance(permit(story.site, EvseId(1), nobody, story.now), Granted)


def test_a_remote_start_without_evse_finds_the_holders_bay_then_a_plugged_car() -> None:
    story = Story(row(3))
    story.joins("ann", card="a")
    story.plugs(2)
    assert story.starts_remotely("a") is None
    assert story.happened(ev.Authorised)[-1].evse == 1
    assert story.starts_remotely("b") is None
    assert story.charging(2)
    assert story.starts_remotely("c") is None
    assert story.happened(ev.Authorised)[-1].evse == 3
    assert story.starts_remotely("d") is R.EVSE_OCCUPIED
    story.is_switched(None, on=False)
    assert story.starts_remotely("d") is R.NOT_YOUR_TURN


# --- the reader


def test_a_card_joins_asks_and_leaves() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    assert story.swipes("a", 1) is TokenAnswer.JOINED
    story.after(seconds=11)
    assert story.swipes("a", 1) is TokenAnswer.IN_LINE
    story.after(seconds=5)
    assert story.swipes("a", 1) is TokenAnswer.ASK_LEAVE
    story.after(seconds=11)
    assert story.swipes("a", 1) is TokenAnswer.IN_LINE
    assert story.swipes("a", 1) is TokenAnswer.ASK_LEAVE
    assert story.swipes("a", 1) is TokenAnswer.LEFT
    assert story.state("a") is CheckInState.CHECKED_OUT


def test_a_card_that_may_not_join_is_told_why_not() -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1], limit=1)]), ready=False)
    assert story.swipes("a", 1) is TokenAnswer.NOT_NOW
    story.gets_ready()
    story.joins("ann")
    story.joins("bob")
    assert story.swipes("a", 1) is TokenAnswer.HELD_FOR_OTHER
    story.leaves("ann")
    story.leaves("bob")
    story.breaks(1)
    assert story.swipes("a", 1) is TokenAnswer.NOT_NOW
    story.plugs(2)
    assert story.swipes("a", 2) is TokenAnswer.STARTED  # in no pool: nobody can wait for it


def test_the_same_card_before_the_plug_changes_nothing_and_after_the_end_neither() -> None:
    story = Story(row(1))
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert len(story.happened(ev.Authorised)) == 1
    story.plugs(1)
    assert story.swipes("a", 1) is TokenAnswer.STOPPED
    assert story.swipes("a", 1) is TokenAnswer.NOT_NOW
    assert not story.charging(1)


def test_a_card_of_the_same_group_stops_another_does_not() -> None:
    story = Story(row(1))
    story.plugs(1)
    assert story.swipes("a", 1, group="family") is TokenAnswer.STARTED
    assert story.swipes("b", 1, group="others") is TokenAnswer.JOINED
    assert story.charging(1)
    assert story.swipes("c", 1, group="family", verdict=i.Verdict.UNCHECKABLE) is TokenAnswer.STOPPED
    assert story.site.stays[EvseId(1)].end_of_energy is EndOfEnergy.LOCAL


# --- the end of energy


@pytest.mark.parametrize("why", list(EndOfEnergy))
def test_the_csms_stops_for_its_reason(why: EndOfEnergy) -> None:
    story = Story(row(1))
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is R.NOT_CHARGING
    story.plugs(1)
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is R.NOT_CHARGING
    story.swipes("a", 1)
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is None
    assert story.site.stays[EvseId(1)].end_of_energy is why
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is R.NOT_CHARGING


def test_nothing_plugged_in_for_two_minutes_ends_the_authorisation() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.swipes("a", 1)
    assert story.state("ann") is CheckInState.FULFILLED
    story.joins("bob")
    story.after(minutes=2)
    assert story.happened(ev.AuthorisationLapsed)
    assert (story.state("ann"), story.called("bob")) == (CheckInState.FULFILLED, 1)
    assert story.presses_start("ann") is R.CHECKIN_ENDED


@pytest.mark.parametrize("plugged", [False, True])
def test_a_token_refused_afterwards_gets_no_energy(*, plugged: bool) -> None:
    story = Story(row(1))
    story.starts_remotely("a", 1)
    if plugged:
        story.plugs(1)
    story.give(i.TransactionRefused(evse=EvseId(1), subject=SubjectRef("somebody else")))
    assert EvseId(1) in story.site.stays
    story.give(i.TransactionRefused(evse=EvseId(1), subject=SubjectRef("a")))
    story.plugs(1)
    assert not story.charging(1)


def test_a_fault_ends_energy_and_mending_does_not_bring_it_back() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.breaks(1)
    assert story.site.stays[EvseId(1)].end_of_energy is EndOfEnergy.FAULT
    story.is_mended(1)
    assert not story.charging(1)


def test_out_of_operation_lets_a_charge_go_to_its_end_and_none_begin() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.is_switched(1, on=False)
    assert story.charging(1)
    story.leaves_the_bay(1)
    story.is_switched(1, on=True)
    story.starts_remotely("a", 1)
    story.is_switched(1, on=False)
    story.plugs(1)
    assert not story.charging(1)
    story.is_switched(1, on=True)
    assert story.charging(1)


def test_pulling_the_plug_ends_energy_and_stay() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.unplugs(1)
    assert story.happened(ev.EnergyEnded)[-1].why is EndOfEnergy.EV_DISCONNECTED
    assert not story.site.stays
    story.unplugs(1)
    assert story.last == ()


def test_a_car_that_takes_nothing_counts_as_finished_and_has_time_to_move() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=True))
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=True))
    assert story.last == ()
    story.after(minutes=3)
    assert story.happened(ev.ChargingFinished)
    story.after(minutes=10)
    assert story.site.stays[EvseId(1)].grace_ended
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=False))
    stay = story.site.stays[EvseId(1)]
    assert (stay.finished_ms, stay.grace_ended, stay.wants_energy) == (None, False, True)


def test_an_ended_charge_stays_finished_whatever_the_car_says() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=True))
    story.asks(i.StopStay(evse=EvseId(1), why=EndOfEnergy.REMOTE))
    story.after(minutes=10)
    assert story.site.stays[EvseId(1)].grace_ended
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=False))
    assert story.last == ()


def test_the_contactor_and_the_meter_are_noted_once() -> None:
    story = Story(row(1))
    one = EvseId(1)
    story.somebody_charges(1)
    story.give(i.RegisterRead(evse=one, register_wh=90))  # before energy: not of this stay
    assert story.last == ()
    for energised, register in ((True, 100), (True, 150), (False, 700), (True, 700), (False, None)):
        story.give(i.ContactorSeen(evse=one, energised=energised, register_wh=register))
    stay = story.site.stays[one]
    assert (stay.register_start_wh, stay.register_wh) == (100, 700)
    assert len(story.happened(ev.Energised)) == 2
    story.give(i.RegisterRead(evse=one, register_wh=800))
    story.give(i.RegisterRead(evse=one, register_wh=800))
    assert story.last == ()
    assert story.site.stays[one].register_wh == 800
    story.leaves_the_bay(1)
    story.give(i.ContactorSeen(evse=one, energised=True, register_wh=5))  # a foreign charger
    assert story.site.evse(one).energised


def test_a_second_plug_is_no_second_stay_and_unknown_evses_are_nobodys() -> None:
    story = Story(row(1))
    story.plugs(1)
    story.plugs(1)
    assert story.last == ()
    for number in (9,):
        story.plugs(number)
        story.breaks(number)
        assert story.last == ()
    assert observe(Site(), i.Unplugged(evse=EvseId(1)), Now(0)) == ()


# --- ReserveNow


def test_a_reserved_evse_is_for_its_token_or_group_only() -> None:
    story = Story(row(1))
    assert story.reserves(1, "a") is None
    story.joins("bob")
    assert story.called("bob") is None
    story.plugs(1)
    assert story.starts_remotely("x", 1) is R.HELD_FOR_OTHER
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.SESSION_STARTED
    assert story.site.stays[EvseId(1)].reserve_id == 1


def test_the_group_of_a_reservation_opens_it_and_ends_its_holders_wait() -> None:
    story = Story(row(1))
    one = EvseId(1)
    reserve = i.MakeReserveNow(id=4, evse=one, subject=SubjectRef("a"), group="family", for_ms=600_000)
    assert story.asks(reserve) is None
    story.joins("bob", card="b")
    assert story.swipes("b", 1, group="family") is TokenAnswer.STARTED
    assert story.state("bob") is CheckInState.FULFILLED


def test_reserving_is_refused_with_a_reason() -> None:
    story = Story(row(3), ready=False)
    assert story.reserves(1, "a") is R.STARTING
    story.gets_ready()
    assert story.reserves(9, "a") is R.EVSE_UNKNOWN
    story.breaks(1)
    assert story.reserves(1, "a") is R.NONE_IN_SERVICE
    story.is_mended(1)
    story.somebody_charges(1)
    assert story.reserves(1, "a") is R.EVSE_OCCUPIED
    story.joins("ann")
    assert story.reserves(2, "a") is R.EVSE_OCCUPIED
    assert story.reserves(3, "a", ident=1) is None
    assert story.reserves(3, "b", ident=2) is R.EVSE_OCCUPIED
    assert story.reserves(3, "b", ident=1) is None  # the same id replaces
    assert story.site.reserved[EvseId(3)].subject == "b"
    story.asks(i.CancelReserveNow(id=1))
    story.parks(3)
    assert story.reserves(3, "a") is R.EVSE_OCCUPIED
    story.drives_off(3)
    assert story.reserves(3, "a", minutes=0) is R.RESERVATION_UNKNOWN


def test_reserving_does_not_take_from_those_who_wait() -> None:
    story = Story(row(1))
    story.parks(1)
    story.joins("ann")
    story.sees(1, story.site.evse(EvseId(1)).bay)
    story.breaks(1)
    story.drives_off(1)
    assert story.reserves(1, "a") is R.NONE_IN_SERVICE
    blocked = Story(row(1))
    blocked.joins("ann", card="a")
    blocked.reports_blocked("ann")  # waits, and the bay is not given for a while
    assert blocked.reserves(1, "x") is R.EVSE_OCCUPIED


def test_a_reservation_ends_by_time_cancelling_or_outage() -> None:
    story = Story(row(1))
    story.reserves(1, "a", minutes=10)
    story.joins("bob")
    story.after(minutes=10)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EXPIRED
    assert story.called("bob") == 1
    story.leaves("bob")
    story.reserves(1, "a")
    assert story.asks(i.CancelReserveNow(id=1)) is None
    assert story.asks(i.CancelReserveNow(id=1)) is R.RESERVATION_UNKNOWN
    story.reserves(1, "a")
    story.breaks(1)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EVSE_FAULT
    story.is_mended(1)
    story.reserves(1, "a")
    story.is_switched(1, on=False)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EVSE_UNAVAILABLE


def test_an_expiry_by_the_wall_clock_moves_with_it() -> None:
    story = Story(row(1))
    utc = story.now.utc_ms
    assert utc is not None
    until = i.MakeReserveNow(id=1, evse=EvseId(1), subject=SubjectRef("a"), until_utc_ms=utc + 600_000)
    assert story.asks(until) is None
    story.knows_the_time(utc + 500_000)
    story.after(seconds=100)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EXPIRED
    story.loses_the_time()
    assert story.asks(until) is R.CLOCK_UNTRUSTED
