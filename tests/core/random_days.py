"""Random days at a small, awkward site, and the script of what came in, to live the same day again, but late."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scene import CCS, MINUTE, ONE, START_UTC_MS, evse, location, pool

from agent.core import inputs as i
from agent.core.booking import Period, ReservationId
from agent.core.events import Event
from agent.core.layout import (
    AdHocStart,
    ChargingLocation,
    CheckInId,
    EvseId,
    Now,
    OpenRange,
    PartnerPresence,
    PoolId,
    SubjectRef,
)
from agent.core.site import settle, step, wake
from agent.core.state import Bay, EndOfEnergy, Origin, Site, Wishes
from agent.core.terms import BookingTerms, Fee, FeeKind

EVSES = 4
TILL_ELEVEN = tuple(OpenRange(weekday=d, begin_min=8 * 60, end_min=11 * 60) for d in range(7))
GAPS_MS = (0, 0, 1, 1000, 7000, 30_000, MINUTE, 3 * MINUTE, 5 * MINUTE, 5 * MINUTE, 17 * MINUTE)
WISHES = (Wishes(), Wishes(), Wishes(accessible=True), Wishes(standards=(CCS,)), Wishes(min_power_w=100_000))


def awkward(*, accept_on_plug: bool = False, evses: int = EVSES) -> ChargingLocation:
    """Overlapping pools, one accessible bay, different plugs, one pool that closes at 11."""
    bays = (evse(1), evse(2, accessible=True), evse(3, standard="CHADEMO"), evse(4, power_w=50_000))[:evses]
    names = {"A": (1, 2), "B": (2, 3, 4), "C": (1, 2, 3, 4)}
    fees = tuple(Fee(kind=k, before_taxes=400, currency="EUR") for k in (FeeKind.NO_SHOW, FeeKind.LATE_CANCEL))
    terms = BookingTerms(min_advance_min=10, share_max_percent=100, change_until_min=10, cancel_until_min=10, fees=fees)
    pools = [
        replace(
            pool(n, [e for e in ids if e <= evses], opening=TILL_ELEVEN if n == "C" else (), limit=5),
            booking=None if n == "C" else terms,
        )
        for n, ids in names.items()
    ]
    return location(bays, pools, accept_on_plug=accept_on_plug)


LAYOUTS = (
    awkward(),
    awkward(accept_on_plug=True),
    awkward(evses=3),
    replace(awkward(), policy=replace(awkward().policy, ad_hoc_start=AdHocStart.NONE, requeue_behind=1)),
    replace(awkward(), policy=replace(awkward().policy, partner_presence=PartnerPresence.SCAN)),
)


@dataclass(frozen=True)
class Deed:
    """Something happens: what, two numbers that say to whom and how, and how long after the last."""

    what: str
    a: int
    b: int
    after_ms: int


def inputs_of(site: Site, deed: Deed) -> tuple[i.Input, ...]:
    """Return what comes into the core with a deed; half of them are aimed at whom it may concern."""
    a, b = deed.a, deed.b
    match deed.what:
        case "layout":
            return (i.LayoutRead(location=LAYOUTS[b % len(LAYOUTS)], digest=str(b % len(LAYOUTS))),)
        case "clock":
            return (i.ClockRead(utc_ms=None),) if b == 0 else ()
        case "start again":
            return (i.Started(boot=a), i.LayoutRead(location=LAYOUTS[0], digest="0"))
        case "read":
            return (i.InputsRead(),)
        case _:
            return _of_people(site, deed) or (_at_bay(site, deed),)


def _of_people(site: Site, deed: Deed) -> tuple[i.Input, ...]:
    """Return what people ask for, or nothing if the deed is done at a bay."""
    a, b = deed.a, deed.b
    who = _check_in(site, deed)
    by_card = (SubjectRef(f"card-{b}"),)
    match deed.what:
        case "join":
            window = None if b == 0 else b // 2
            return (_join(deed, Origin.PAGE, device=SubjectRef(f"phone-{a}"), window=window),)
        case "join by card":
            away = None if a % 3 else (1 + b) * 4 * MINUTE
            return (_join(deed, Origin.PARTNER, subjects=by_card, expected_in_ms=away),)
        case "join by time":
            arrives = START_UTC_MS + 10 * b * MINUTE
            return (_join(deed, Origin.PARTNER, subjects=by_card, expected_utc_ms=arrives),)
        case "book" | "cancel booking" | "come later":
            return _of_bookings(site, deed)
        case "change":
            return (_join(deed, Origin.PAGE, replaces=who),)
        case "page":
            pages = (
                i.LeaveQueue(check_in=who),
                i.SnoozeCheckIn(check_in=who, minutes=b),
                i.ExtendHold(check_in=who),
                i.UpdateArrival(check_in=who, expected_in_ms=b * 3 * MINUTE),
                i.StopAtPage(check_in=who),
                i.ReportBlocked(check_in=who),
                i.ReportFree(check_in=who),
            )
            return (pages[(a + b) % len(pages)],)
        case "leave and return":
            waiting = site.line()
            somebody = waiting[a % len(waiting)].id if waiting else who
            return (i.LeaveQueue(check_in=somebody), i.UndoLeave(check_in=somebody))
        case "wrong bay":
            return _wrong_bay(site, deed)
        case "scan":
            return (i.ShowPresence(check_in=who) if b % 3 == 0 else i.ProvePresence(check_in=who),)
        case "start":
            return (i.StartAtPage(check_in=who),)
        case _:
            return ()


def _at_bay(site: Site, deed: Deed) -> i.Input:
    """Return what happens at a bay, or what the CSMS wants of it."""
    a, b = deed.a, deed.b
    number = _evse(site, deed)
    card = _card(site, deed, number)
    match deed.what:
        case "bay":
            return i.BaySeen(evse=number, bay=(Bay.FREE, Bay.OCCUPIED, Bay.FREE, Bay.UNKNOWN)[b % 4])
        case "plug":
            return i.PluggedIn(evse=number, connector=ONE)
        case "unplug":
            return i.Unplugged(evse=number, register_wh=b)
        case "card":
            verdict = i.Verdict.INVALID if a == b else i.Verdict.ACCEPTED
            group = "family" if b > 5 else None
            return i.TokenPresented(evse=number, subject=card, verdict=verdict, draw=31 * a + b, group=group)
        case "remote":
            return i.RemoteStart(subject=card, evse=None if a == 7 else number)
        case "stop":
            stop = i.StopStay(evse=number, why=EndOfEnergy.REMOTE)
            return i.TransactionRefused(evse=number, subject=card) if b % 2 else stop
        case "fault":
            return i.FaultSeen(evse=None if a == 7 else number, code="F", active=b < 3)
        case "switch":
            return i.SetAvailability(evse=None if a == 7 else number, operative=b > 2)
        case "reserve":
            group = "family" if b == 7 else None
            make = i.MakeReserveNow(id=b % 3, evse=number, subject=card, group=group, for_ms=(1 + a) * 2 * MINUTE)
            return i.CancelReserveNow(id=b % 3) if b == 5 else make
        case _:
            stay = site.stays.get(number)
            return (
                i.ContactorSeen(evse=number, energised=b % 2 == 0, register_wh=10 * b),
                i.SuspensionSeen(evse=number, by_ev=stay is None or not stay.suspended_by_ev),
                i.RegisterRead(evse=number, register_wh=10 * b),
            )[b % 3]


def _evse(site: Site, deed: Deed) -> EvseId:
    """Half of what happens at a bay happens where somebody is called to or charges."""
    busy = sorted({*site.holds, *site.stays})
    return busy[deed.b % len(busy)] if busy and deed.a < 4 else EvseId(1 + deed.a % EVSES)


def _check_in(site: Site, deed: Deed) -> CheckInId:
    """Mostly somebody who is called, else somebody in line or gone."""
    called = sorted(h.check_in for h in site.holds.values())
    known = sorted(site.check_ins)
    if called and deed.a < 5:
        return called[deed.a % len(called)]
    return known[-1 - deed.a % len(known)] if known else CheckInId(99)


def _card(site: Site, deed: Deed, number: EvseId) -> SubjectRef:
    """Mostly the card of who is called here or charges here."""
    hold, stay = site.holds.get(number), site.stays.get(number)
    if hold is not None and deed.b < 4 and site.check_ins[hold.check_in].subjects:
        return site.check_ins[hold.check_in].subjects[0]
    if stay is not None and stay.subject is not None and deed.b % 2:
        return stay.subject
    return SubjectRef(f"card-{deed.b}")


def _of_bookings(site: Site, deed: Deed) -> tuple[i.Input, ...]:
    """Book a slot up to three hours ahead, change it, cancel it, or tell that one comes later."""
    a, b = deed.a, deed.b
    known = sorted(k for k, r in site.reservations.items() if r.open) or [ReservationId(1)]
    old = known[a % len(known)]
    if deed.what == "cancel booking":
        return (i.CancelReservation(reservation=old, origin=(Origin.PAGE, Origin.OPERATOR)[b % 2]),)
    now_utc = site.at(site.elapsed_ms).utc_ms or START_UTC_MS
    if deed.what == "come later":
        return (i.UpdateBookedArrival(reservation=old, expected_utc_ms=now_utc + (1 + b) * 10 * MINUTE),)
    begin = now_utc - now_utc % (15 * MINUTE) + (1 + a) * 15 * MINUTE
    slot = i.Reserve(
        pool=PoolId("AB"[b % 2]),
        period=Period(begin_utc_ms=begin, end_utc_ms=begin + (2 + b % 3) * 15 * MINUTE),
        draw=a * 8 + b,
        origin=Origin.PARTNER,
        subjects=(SubjectRef(f"card-{a}"),),
        wishes=WISHES[b % len(WISHES)],
        replaces=old if b == 7 else None,
        from_now=b == 6,
    )
    return (slot,)


def _wrong_bay(site: Site, deed: Deed) -> tuple[i.Input, ...]:
    """Somebody called plugs in at the bay of another, who leaves or stays, and then wants to charge there."""
    called = [h for _, h in sorted(site.holds.items()) if site.check_ins[h.check_in].subjects]
    others = [h for _, h in sorted(site.holds.items()) if called and h.check_in != called[0].check_in]
    if not others:
        return ()
    who, other = site.check_ins[called[0].check_in], others[deed.a % len(others)]
    card = i.TokenPresented(
        evse=other.evse, subject=who.subjects[0], verdict=i.Verdict.ACCEPTED, draw=31 * deed.a + deed.b
    )
    leaves = (i.LeaveQueue(check_in=other.check_in),) if deed.b < 6 else ()
    return (i.PluggedIn(evse=other.evse, connector=ONE), card, *leaves, i.UseBay(check_in=who.id))


def _join(deed: Deed, origin: Origin, **more: object) -> i.JoinQueue:
    return i.JoinQueue(
        pool=PoolId("ABC"[deed.a % 3]),
        draw=deed.a * 8 + deed.b,
        origin=origin,
        wishes=WISHES[deed.b % len(WISHES)],
        more_time=deed.b == 4,
        **more,  # type: ignore[arg-type]
    )


# The more often a deed stands here the more often it happens.
WHATS = (
    *("join", "join", "join", "join by card", "join by card", "join by card", "join by time", "change", "page", "page"),
    *("page", "page", "scan", "start", "start", "bay", "bay", "bay", "plug", "plug", "plug", "unplug", "unplug"),
    *("card", "card", "card", "remote", "stop", "reading", "reading", "reading", "fault", "switch", "reserve"),
    *("book", "book", "book", "book", "cancel booking", "come later"),
    *("layout", "clock", "start again", "read", "read", "leave and return", "wrong bay", "wrong bay"),
)
OPENING = (
    Deed("start again", 0, 0, 0),
    Deed("clock", 0, 1, 0),
    Deed("read", 0, 0, 0),
)


def random_deeds(chance: random.Random, count: int) -> list[Deed]:
    """Return so many random deeds."""
    return [
        Deed(chance.choice(WHATS), chance.randrange(8), chance.randrange(8), chance.choice(GAPS_MS))
        for _ in range(count)
    ]


@dataclass(frozen=True)
class Moment:
    """What one input, or the time before it, led to: the state before and after, and the events between."""

    before: Site
    events: tuple[Event, ...]
    site: Site


@dataclass(frozen=True)
class Given:
    """An input and when it came."""

    given: i.Input
    now: Now


@dataclass
class Day:
    """A day as it was lived: its moments in order, and the script of what came in."""

    site: Site
    moments: list[Moment]
    script: list[Given]

    @property
    def events(self) -> list[Event]:
        """All events of the day."""
        return [e for m in self.moments for e in m.events]

    def settles(self, now: Now) -> None:
        """Let happen what follows by itself."""
        before = self.site
        self.site, events = settle(before, now)
        self.moments.append(Moment(before, events, self.site))

    def takes(self, given: i.Input, now: Now) -> None:
        """Let something come in."""
        before = self.site
        outcome = step(before, given, now)
        self.site = outcome.site
        self.script.append(Given(given, now))
        self.moments.append(Moment(before, outcome.events, self.site))

    def ends(self) -> None:
        """The inputs and a good clock are read, without which no booking ends, and nothing is done for two days."""
        now = self.script[-1].now
        self.takes(i.InputsRead(), now)
        now = Now(now.elapsed_ms, START_UTC_MS + now.elapsed_ms)
        self.takes(i.ClockRead(utc_ms=now.utc_ms), now)
        for hours in (15, 45):
            self.settles(now.at(now.elapsed_ms + hours * 60 * MINUTE))


def live(deeds: Iterable[Deed]) -> Day:
    """Live a day as a punctual runner does, which settles at each wake."""
    day = Day(Site(), [], [])
    now = Now(0)
    for deed in (*OPENING, *deeds):
        now = now.at(now.elapsed_ms + deed.after_ms)
        while (due := wake(day.site)) is not None and due <= now.elapsed_ms:
            day.settles(now.at(due))
        for given in _with_clock(day.site, deed, now.elapsed_ms):
            if isinstance(given, i.ClockRead):
                now = Now(now.elapsed_ms, given.utc_ms)
            day.takes(given, now)
    day.ends()
    return day


def live_late(script: list[Given]) -> Day:
    """Live a day again, settling only when the next input comes."""
    day = Day(Site(), [], [])
    for given in script[:-2]:  # without those of the end
        if isinstance(given.given, i.Started):
            day.settles(given.now)  # it ran until then
        day.takes(given.given, given.now)
    day.ends()
    return day


def _with_clock(site: Site, deed: Deed, elapsed_ms: int) -> tuple[i.Input, ...]:
    """A trusted wall clock goes on, or is stepped by up to 80 minutes; it is read where `inputs_of` leaves it open."""
    given = inputs_of(site, deed)
    if deed.what == "clock" and not given:
        step_min = 0 if deed.b < 5 else 40 * (deed.b - 5)
        return (i.ClockRead(utc_ms=START_UTC_MS + elapsed_ms + step_min * MINUTE),)
    return given
