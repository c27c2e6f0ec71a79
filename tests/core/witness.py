"""A witness that knows the events only, and judges each call and each start by rules of its own.

Written against `sequere.md` and `queue-science.md`, not against agent.core: nobody is overtaken without a reason that
stands in the events, and energy is for the holder, for a reservation's token, or for a bay that nobody waits for.
"""

from dataclasses import dataclass, field

from agent.core import events as ev
from agent.core.booking import ReservationId
from agent.core.layout import ChargingLocation, CheckInId, EvseId, SubjectRef
from agent.core.state import Bay, CheckInState, Reason, ReserveNow, Wishes

MINUTE = 60_000


@dataclass
class Person:
    """One CheckIn as the events tell it."""

    ident: CheckInId
    pool: str
    wishes: Wishes
    subjects: tuple[SubjectRef, ...]
    window: int | None
    since: int  # counts joinings: the smaller, the earlier
    there: str  # "here", "road", "snoozed", "called", "gone"
    must_scan: bool = False
    proven: bool = False
    first: bool = False  # lost a hold by no fault of theirs: served before all others
    set_back: bool = False  # missed a call: anybody may go before them
    on_the_road: bool = False
    was: str = ""  # before they were gone


@dataclass
class Place:
    """One EVSE as the events tell it."""

    bay: Bay = Bay.UNKNOWN
    plugged: bool = False
    faults: set[str] = field(default_factory=set)
    operative: bool = True
    holder: Person | None = None
    confirmed: bool = False
    reserve: ReserveNow | None = None
    authorised: bool = False
    ended: bool = False
    # By what right a stay may be authorised: the hold or reservation that has just been used up here.
    used_hold: tuple[Person, bool] | None = None
    used_reserve: ReserveNow | None = None
    starts_here: Person | None = None

    @property
    def stay(self) -> bool:
        """Whether somebody uses it."""
        return self.plugged or self.authorised


class Witness:
    """Sees one event after the other and raises AssertionError at the first injustice."""

    def __init__(self) -> None:
        self.people: dict[CheckInId, Person] = {}
        self.booked: dict[ReservationId, ev.ReservationMade | ev.ReservationChanged] = {}
        self.places: dict[EvseId, Place] = {}
        self.location: ChargingLocation | None = None
        self.faults: set[str] = set()
        self.reconciling = False
        self.offset_ms: int | None = None
        self.joined = 0
        self.scan_windows: set[int] = set()
        self.scan_all = False
        self.at_ms = 0

    def sees(self, event: ev.Event) -> None:
        """Judge an event, then believe it."""
        self.at_ms = event.at_ms
        match event:
            case ev.LayoutAdopted():
                self.location = event.location
                old = self.places
                self.places = {e.id: old.get(e.id, Place()) for e in event.location.evses}
            case ev.Restarted():
                self.reconciling, self.offset_ms = True, None
                for place in self.places.values():
                    place.bay = Bay.UNKNOWN
            case ev.Reconciled():
                self.reconciling = False
            case ev.ClockSet():
                self.offset_ms = event.utc_minus_elapsed_ms
            case ev.ScanDemanded() | ev.ScanRelaxed():
                self._scan(event)
            case ev.FaultRaised() | ev.FaultCleared():
                faults = self.faults if event.evse is None else self.places[event.evse].faults
                (faults.add if isinstance(event, ev.FaultRaised) else faults.discard)(event.code)
            case ev.EvseAssigned():
                self._called(event)
            case ev.CheckedIn():
                self._joined(event)
            case ev.ReservationMade() | ev.ReservationChanged():
                self.booked[event.reservation] = event
            case ev.ReservationDue():
                self._came_due(event)
            case ev.ReserveNowMade():
                self._reserved(event)
            case _ if hasattr(event, "check_in") and not hasattr(event, "subject") and event.check_in in self.people:
                self._of_person(event, self.people[event.check_in])
            case _ if hasattr(event, "evse"):
                self._of_place(event, self.places[event.evse])
            case _:
                pass

    # --- what people do

    def _joined(self, event: ev.CheckedIn) -> None:
        self.joined += 1
        assert event.check_in not in self.people, "an id was used twice"
        self.people[event.check_in] = Person(
            ident=event.check_in,
            pool=event.pool,
            wishes=event.wishes,
            subjects=event.subjects,
            window=event.window,
            since=self.joined,
            there="road" if _is_away(event) else "here",
            on_the_road=_is_away(event),
            must_scan=event.window is not None and (self.scan_all or event.window in self.scan_windows),
        )

    def _came_due(self, event: ev.ReservationDue) -> None:
        """A booking stands in front of everybody who had no bay taken from them before."""
        booked = self.booked[event.reservation]
        subjects = booked.subjects
        self.joined += 1
        assert event.check_in not in self.people, "an id was used twice"
        self.people[event.check_in] = Person(
            ident=event.check_in,
            pool=booked.pool,
            wishes=booked.wishes,
            subjects=subjects,
            window=None,
            since=self.joined,
            there="here",
            first=True,
        )

    def _scan(self, event: ev.ScanDemanded | ev.ScanRelaxed) -> None:
        if isinstance(event, ev.ScanRelaxed):
            self.scan_all, self.scan_windows = False, set()
            return
        if event.window is None:
            self.scan_all = True
        else:
            self.scan_windows.add(event.window)
        for person in self.people.values():
            hit = person.window is not None and event.window in (None, person.window)
            if hit and not person.proven and not person.subjects and person.there != "gone":
                person.must_scan = True

    def _of_person(self, event: ev.Event, person: Person) -> None:
        held = next((p for p in self.places.values() if p.holder is person), None)
        match event:
            case ev.CheckInChanged():
                self._changed(event, person)
            case ev.ArrivalUpdated() if person.there in ("here", "road"):
                person.there = "road" if _is_away(event) else "here"
                person.on_the_road = _is_away(event)
            case ev.ArrivalUpdated():
                person.on_the_road = _is_away(event)
            case ev.Approached():
                assert person.on_the_road
                person.there, person.on_the_road = "snoozed" if person.there == "snoozed" else "here", False
            case ev.Snoozed():
                person.there = "snoozed"
                _release(held)
            case ev.SnoozeEnded():
                person.there = "road" if person.on_the_road else "here"
            case ev.HoldConfirmed():
                assert held is not None
                held.confirmed = True
            case ev.HoldMoved():
                self._moved(event, person, held)
            case ev.HoldLost():
                person.there, person.first = "here", True
                _release(held)
            case ev.CallMissed():
                person.there, person.first, person.set_back = "here", False, True
                _release(held)
            case ev.PresenceProven():
                person.proven, person.must_scan = True, False
            case ev.CheckInEnded():
                self._ended(event, person, held)
            case ev.CheckOutUndone():
                person.there = "here" if person.was == "called" else person.was
            case _:
                pass

    def _moved(self, event: ev.HoldMoved, person: Person, held: Place | None) -> None:
        place = self.places[event.evse]
        assert held is not None, "nothing was held for them"
        assert not self.reconciling
        assert self._works(place)
        assert place.plugged
        assert place is not held
        assert not place.authorised, "somebody charges there"
        assert place.holder is None, "held twice"
        assert place.reserve is None
        assert event.evse in self._accepts(person)
        assert not self._overtaken(person, event.evse)
        _release(held)
        place.holder, place.confirmed = person, True

    def _changed(self, event: ev.CheckInChanged, person: Person) -> None:
        before = self._accepts(person)
        person.subjects = event.subjects
        same_pool = person.pool == event.pool
        person.pool, person.wishes = event.pool, event.wishes
        if person.there != "snoozed":
            person.there = "road" if _is_away(event) else "here"
        person.on_the_road = _is_away(event)
        if not same_pool or not self._accepts(person) <= before:
            self.joined += 1
            person.since, person.first, person.set_back = self.joined, False, False

    def _ended(self, event: ev.CheckInEnded, person: Person, held: Place | None) -> None:
        assert person.there != "gone", "ended twice"
        person.there, person.was = "gone", person.there
        if event.state is CheckInState.FULFILLED:
            assert event.evse is not None
            here = self.places[event.evse]
            if held is here:
                here.used_hold = (person, here.confirmed)
            else:
                here.starts_here = person
        _release(held)

    # --- what happens at an EVSE

    def _of_place(self, event: ev.Event, place: Place) -> None:
        match event:
            case ev.BayChanged():
                place.bay = event.bay
            case ev.ConnectorPlugged():
                assert not place.plugged
                place.plugged = True
            case ev.ConnectorFreed() | ev.AuthorisationLapsed():
                place.plugged = place.plugged and isinstance(event, ev.AuthorisationLapsed)
                place.authorised = place.ended = False
                place.used_hold = place.used_reserve = place.starts_here = None
            case ev.AvailabilitySet():
                place.operative = event.operative
            case ev.ReserveNowEnded():
                assert place.reserve is not None
                place.used_reserve = place.reserve if event.reason is Reason.SESSION_STARTED else None
                place.reserve = None
            case ev.Authorised():
                self._authorised(event, place)
            case ev.EnergyPermitted():
                assert place.authorised
                assert place.plugged
                assert not place.ended
                assert not self.reconciling
                assert self._works(place)
            case ev.EnergyEnded():
                assert place.authorised
                place.ended = True
            case _:
                pass

    def _reserved(self, event: ev.ReserveNowMade) -> None:
        for place in self.places.values():
            if place.reserve is not None and place.reserve.id == event.reserve.id:
                place.reserve = None
        place = self.places[event.reserve.evse]
        assert place.reserve is None
        assert place.holder is None
        assert not place.stay
        assert self._works(place)
        place.reserve = event.reserve

    def _called(self, event: ev.EvseAssigned) -> None:
        person, place = self.people[event.check_in], self.places[event.evse]
        assert not self.reconciling, "called before the inputs were read"
        assert self._works(place)
        assert place.holder is None, "held twice"
        assert place.reserve is None
        assert not place.stay
        assert place.bay is not Bay.OCCUPIED
        assert person.there == "here"
        assert not person.must_scan
        assert event.evse in self._accepts(person)
        for other in self._overtaken(person, event.evse):
            assert other.ident in event.kept_from, f"{event}: {other} waited longer"
        place.holder, place.confirmed = person, False
        person.there, person.first = "called", False

    def _authorised(self, event: ev.Authorised, place: Place) -> None:
        assert not place.authorised, "authorised twice"
        assert not self.reconciling
        assert self._works(place)
        if place.used_reserve is not None:
            group = place.used_reserve.group
            assert event.subject == place.used_reserve.subject or (group is not None and event.group == group)
        elif place.used_hold is not None:
            holder, confirmed = place.used_hold
            theirs = event.subject in holder.subjects or (confirmed and (event.subject is None or not holder.subjects))
            assert theirs, f"{event}: the hold of {holder} was somebody else's"
        else:
            assert place.holder is None, f"{event}: held for {place.holder}"
            assert place.reserve is None
            self._may_take(event, place.starts_here)
        place.authorised, place.ended = True, False

    def _may_take(self, event: ev.Authorised, person: Person | None) -> None:
        """A bay that is neither held nor reserved is for who waits for it first, then for anybody."""
        if person is not None and event.evse in self._accepts(person):
            waiting = self._overtaken(person, event.evse)
        else:
            waiting = [p for p in self.people.values() if self._would_take(p, event.evse)]
        assert not waiting, f"{event}: {waiting} wait for it"

    # --- the rules

    def _overtaken(self, person: Person, evse: EvseId) -> list[Person]:
        """Return who waited longer for an EVSE, would take it now, and has not been passed over for a reason."""
        needed = self._accessible(evse) and person.wishes.accessible
        return [
            other
            for other in self.people.values()
            if other is not person
            and self._would_take(other, evse)
            and (other.first, -other.since) > (person.first, -person.since)
            and not (other.set_back and (person.first or not other.first))
            and not (needed and not other.wishes.accessible)
        ]

    def _would_take(self, person: Person, evse: EvseId) -> bool:
        here = person.there == "here" and not person.must_scan
        return here and evse in self._accepts(person) and self._open(person.pool)

    def _accepts(self, person: Person) -> set[EvseId]:
        assert self.location is not None
        members = {e for p in self.location.pools if p.id == person.pool for e in p.evses}
        wishes = person.wishes
        return {
            e.id
            for e in self.location.evses
            if e.id in members
            and (e.accessible or not wishes.accessible)
            and (not wishes.evses or e.id in wishes.evses)
            and any(
                (not wishes.standards or c.standard in wishes.standards) and c.max_power_w >= wishes.min_power_w
                for c in e.connectors
            )
        }

    def _open(self, pool_id: str) -> bool:
        assert self.location is not None
        for pool in self.location.pools:
            if pool.id == pool_id and pool.opening and self.offset_ms is not None:
                # The site of the random days is at UTC and opens alike each day.
                minute = (self.at_ms + self.offset_ms) // MINUTE % (24 * 60)
                return any(r.begin_min <= minute < r.end_min for r in pool.opening)
        return True

    def _accessible(self, evse: EvseId) -> bool:
        assert self.location is not None
        return any(e.accessible for e in self.location.evses if e.id == evse)

    def _works(self, place: Place) -> bool:
        return place.operative and not place.faults and not self.faults


def _is_away(told: ev.CheckedIn | ev.CheckInChanged | ev.ArrivalUpdated) -> bool:
    return told.expected is not None or told.must_show


def _release(place: Place | None) -> None:
    if place is not None:
        place.holder, place.confirmed = None, False
