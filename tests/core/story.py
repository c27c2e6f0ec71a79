"""Stories about a site, told with names: `story.joins("ann")`, `story.after(minutes=5)`, `story.called("ann") == 3`.

Every input is checked on its way: the state equals its own restatement and the replay of its events, instants never go
back, a refusal changes nothing but what was due, and each EVSE has one use at a time.
"""

from typing import TypeVar

from scene import CCS as CCS
from scene import MINUTE as MINUTE
from scene import ONE as ONE
from scene import START_UTC_MS as START_UTC_MS
from scene import evse as evse
from scene import location as location
from scene import pool as pool

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import ChargingLocation, CheckInId, EvseId, Now, PoolId, SubjectRef
from agent.core.planner import unbound
from agent.core.queue import position
from agent.core.site import Step, fold, restate, settle, step
from agent.core.state import HOLDING, Bay, CheckIn, CheckInState, Origin, Quote, Site, TokenAnswer, Wishes
from agent.core.visit import Vehicle

E = TypeVar("E", bound=ev.Event)


def one_use_each(site: Site) -> None:
    """Each EVSE has one use, each CheckIn at most one hold, and whoever is called has one."""
    for number, hold in site.holds.items():
        stay = site.stays.get(number)
        assert number not in site.reserved, f"EVSE {number} is held and reserved"
        assert stay is None or (stay.authorised_ms is None and stay.check_in is None), f"EVSE {number}: hold and stay"
        assert site.check_ins[hold.check_in].state in HOLDING
        assert site.check_ins[hold.check_in].evse == number == hold.evse
    for number in site.reserved:
        stay = site.stays.get(number)
        assert stay is None or stay.authorised_ms is None, f"EVSE {number} is reserved and in use"
    holders = [h.check_in for h in site.holds.values()]
    called = sorted(c.id for c in site.check_ins.values() if c.state in HOLDING)
    assert sorted(holders) == called
    codes = list(site.codes_in_use())
    assert len(codes) == len(set(codes))
    planned = [r for r in unbound(site) if r.planned is not None]
    for index, one in enumerate(planned):
        assert one.planned in one.accepts
        for other in planned[index + 1 :]:
            assert one.planned != other.planned or not one.claimed.overlaps(other.claimed), "one EVSE is planned twice"


class Story:
    """A running site, its people by name, and a clock that only the story moves."""

    def __init__(self, layout: ChargingLocation, *, ready: bool = True, trusted: bool = True) -> None:
        self.site = Site()
        self.elapsed_ms = 0
        self.utc_minus_elapsed_ms: int | None = None
        self.events: list[ev.Event] = []
        self.last: tuple[ev.Event, ...] = ()
        self.people: dict[str, CheckInId] = {}
        self.boots = 0
        self.starts(layout)
        if ready:
            self.gets_ready(trusted=trusted)

    # --- the machinery

    @property
    def now(self) -> Now:
        """The present instant."""
        offset = self.utc_minus_elapsed_ms
        return Now(self.elapsed_ms, None if offset is None else self.elapsed_ms + offset)

    def give(self, given: i.Input) -> Step:
        """Let something come in now, and check what must hold after every input."""
        before = self.site
        outcome = step(before, given, self.now)
        if outcome.refused is not None:
            assert outcome.site == settle(before, self.now)[0], "a refusal changed something"
        self._goes_on(outcome.site, outcome.events)
        return outcome

    def after(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, and let happen what follows by itself, all at once at its end."""
        self.elapsed_ms += round(minutes * MINUTE + seconds * 1000)
        self._goes_on(*settle(self.site, self.now))

    def _goes_on(self, site: Site, events: tuple[ev.Event, ...]) -> None:
        instants = [e.at_ms for e in (*self.events[-1:], *events)]
        assert instants == sorted(instants), "time went back"
        assert fold(events, self.site) == site, "replay differs"
        assert fold(restate(site)) == site, "the restatement differs"
        one_use_each(site)
        self.site, self.last = site, events
        self.events.extend(events)

    def asks(self, request: i.Request) -> i.Refusal | None:
        """Ask for something; return why it was refused."""
        refused = self.give(request).refused
        return None if refused is None else refused.reason

    def happened(self, kind: type[E]) -> list[E]:
        """Return all events of one kind so far, in order."""
        return [e for e in self.events if isinstance(e, kind)]

    # --- the site

    def starts(self, layout: ChargingLocation, digest: str = "1") -> None:
        """The agent starts, for the first time or again, and reads its configuration."""
        self.boots += 1
        self.utc_minus_elapsed_ms = None
        self.give(i.Started(boot=self.boots))
        self.give(i.LayoutRead(location=layout, digest=digest))

    def gets_ready(self, *, trusted: bool = True) -> None:
        """All inputs have been read; with a trusted clock unless said."""
        if trusted:
            self.knows_the_time()
        self.give(i.InputsRead())

    def knows_the_time(self, utc_ms: int | None = None) -> None:
        """The wall clock becomes trusted, or is stepped."""
        self.utc_minus_elapsed_ms = START_UTC_MS if utc_ms is None else utc_ms - self.elapsed_ms
        self.give(i.ClockRead(utc_ms=self.now.utc_ms))

    def loses_the_time(self) -> None:
        """The wall clock is not trusted any more."""
        self.utc_minus_elapsed_ms = None
        self.give(i.ClockRead(utc_ms=None))

    def reads(self, layout: ChargingLocation, digest: str) -> None:
        """Another configuration is read."""
        self.give(i.LayoutRead(location=layout, digest=digest))

    def breaks(self, number: int | None, code: str = "GroundFailure") -> None:
        """A fault comes."""
        self.give(i.FaultSeen(evse=None if number is None else EvseId(number), code=code, active=True))

    def is_mended(self, number: int | None, code: str = "GroundFailure") -> None:
        """A fault goes."""
        self.give(i.FaultSeen(evse=None if number is None else EvseId(number), code=code, active=False))

    def is_switched(self, number: int | None, *, on: bool) -> i.Refusal | None:
        """An EVSE, or all, is put in or out of operation."""
        return self.asks(i.SetAvailability(evse=None if number is None else EvseId(number), operative=on))

    # --- cars and cards

    def sees(self, number: int, bay: Bay) -> None:
        """The bay sensor says something."""
        self.give(i.BaySeen(evse=EvseId(number), bay=bay))

    def parks(self, number: int) -> None:
        """A car drives into a bay."""
        self.sees(number, Bay.OCCUPIED)

    def drives_off(self, number: int) -> None:
        """The car leaves the bay."""
        self.sees(number, Bay.FREE)

    def plugs(self, number: int) -> None:
        """A car is plugged in."""
        self.give(i.PluggedIn(evse=EvseId(number), connector=ONE))

    def unplugs(self, number: int) -> None:
        """The plug is pulled."""
        self.give(i.Unplugged(evse=EvseId(number)))

    def swipes(
        self, card: str, number: int, *, verdict: i.Verdict = i.Verdict.ACCEPTED, group: str | None = None
    ) -> TokenAnswer:
        """A card is held to the reader of an EVSE; return what the reader answers."""
        draw, subject = len(self.events), SubjectRef(card)
        given = i.TokenPresented(evse=EvseId(number), subject=subject, verdict=verdict, draw=draw, group=group)
        shown = [e for e in self.give(given).events if isinstance(e, ev.TokenShown)]
        assert len(shown) == 1, "the reader answers each card once"
        if shown[0].answer is TokenAnswer.JOINED:
            assert shown[0].check_in is not None
            self.people[card] = shown[0].check_in
        return shown[0].answer

    def starts_remotely(self, card: str, number: int | None = None) -> i.Refusal | None:
        """The CSMS starts for an IdToken."""
        evse_id = None if number is None else EvseId(number)
        return self.asks(i.RemoteStart(subject=SubjectRef(card), evse=evse_id))

    def reserves(self, number: int, card: str, *, ident: int = 1, minutes: int = 30) -> i.Refusal | None:
        """The CSMS reserves an EVSE for an IdToken from now on."""
        return self.asks(
            i.MakeReserveNow(id=ident, evse=EvseId(number), subject=SubjectRef(card), for_ms=minutes * MINUTE)
        )

    def charging(self, number: int) -> bool:
        """Whether energy may flow at an EVSE."""
        stay = self.site.stays.get(EvseId(number))
        return stay is not None and stay.wants_energy

    def somebody_charges(self, number: int) -> None:
        """Somebody passing by drives in, plugs in and charges with a card."""
        self.parks(number)
        self.plugs(number)
        assert self.swipes(f"passer-by-{number}-{len(self.events)}", number) is TokenAnswer.STARTED

    def leaves_the_bay(self, number: int) -> None:
        """The car is unplugged and drives off."""
        self.unplugs(number)
        self.drives_off(number)

    # --- people

    def joins(
        self,
        who: str,
        into: str = "A",
        *,
        card: str | None = None,
        window: int | None = None,
        wishes: Wishes | None = None,
        in_minutes: float | None = None,
        more_time: bool = False,
        quote: Quote | None = None,
        replaces: str | None = None,
        groups: tuple[str, ...] = (),
        vehicle: Vehicle | None = None,
    ) -> i.Refusal | None:
        """Somebody joins a queue on the page, or with a card through a partner; return why not."""
        subjects = () if card is None else (SubjectRef(card),)
        ident = CheckInId(self.site.next_check_in)
        refused = self.asks(
            i.JoinQueue(
                pool=PoolId(into),
                draw=len(self.events) * 7919,
                origin=Origin.PAGE if card is None else Origin.PARTNER,
                subjects=subjects,
                device=None if card is not None or replaces is not None else SubjectRef(f"phone of {who}"),
                groups=groups,
                wishes=wishes or Wishes(),
                more_time=more_time,
                expected_in_ms=None if in_minutes is None else round(in_minutes * MINUTE),
                vehicle=vehicle or Vehicle(),
                window=window,
                quote=quote,
                replaces=None if replaces is None else self.people[replaces],
            )
        )
        if refused is None and replaces is None:
            self.people[who] = ident
        return refused

    def leaves(self, who: str) -> i.Refusal | None:
        """Somebody leaves the queue on their page."""
        return self.asks(i.LeaveQueue(check_in=self.people[who]))

    def comes_back(self, who: str) -> i.Refusal | None:
        """Somebody takes the leaving back."""
        return self.asks(i.UndoLeave(check_in=self.people[who]))

    def snoozes(self, who: str, minutes: int) -> i.Refusal | None:
        """Somebody lets others go first."""
        return self.asks(i.SnoozeCheckIn(check_in=self.people[who], minutes=minutes))

    def extends(self, who: str) -> i.Refusal | None:
        """Somebody asks for two minutes more."""
        return self.asks(i.ExtendHold(check_in=self.people[who]))

    def scans(self, who: str) -> i.Refusal | None:
        """Somebody scans the display again."""
        return self.asks(i.ProvePresence(check_in=self.people[who]))

    def presses_start(self, who: str) -> i.Refusal | None:
        """Somebody presses "start here" on their page."""
        return self.asks(i.StartAtPage(check_in=self.people[who]))

    def presses_stop(self, who: str) -> i.Refusal | None:
        """Somebody presses "stop charging" on their page."""
        return self.asks(i.StopAtPage(check_in=self.people[who]))

    def reports_blocked(self, who: str) -> i.Refusal | None:
        """Somebody says that another car stands in their bay."""
        return self.asks(i.ReportBlocked(check_in=self.people[who]))

    def reports_free(self, who: str) -> i.Refusal | None:
        """Somebody says that the bay they lost to a stranger is free now."""
        return self.asks(i.ReportFree(check_in=self.people[who]))

    def stays_where_plugged(self, who: str) -> i.Refusal | None:
        """Somebody who is plugged in at another bay than theirs wants to charge there."""
        return self.asks(i.UseBay(check_in=self.people[who]))

    def will_arrive(self, who: str, in_minutes: float | None) -> i.Refusal | None:
        """Somebody tells when they arrive."""
        span = None if in_minutes is None else round(in_minutes * MINUTE)
        return self.asks(i.UpdateArrival(check_in=self.people[who], expected_in_ms=span))

    # --- what is so

    def of(self, who: str) -> CheckIn:
        """Return somebody's CheckIn."""
        return self.site.check_ins[self.people[who]]

    def called(self, who: str) -> int | None:
        """Return the EVSE that is held for somebody, or None."""
        hold = self.site.hold_of(self.people[who])
        return None if hold is None else hold.evse

    def left(self, who: str) -> float:
        """Return the minutes left of somebody's hold."""
        hold = self.site.hold_of(self.people[who])
        assert hold is not None, f"nothing is held for {who}"
        return (hold.until_ms - self.elapsed_ms) / MINUTE

    def state(self, who: str) -> CheckInState:
        """Return the state of somebody's CheckIn."""
        return self.of(who).state

    def place(self, who: str) -> int | None:
        """Return somebody's position, from 1."""
        return position(self.site, self.of(who))

    def line(self) -> str:
        """Return the names of those in line, in the order of service."""
        names = {ident: name for name, ident in self.people.items()}
        return " ".join(names[c.id] for c in self.site.line())


def row(count: int, **policy: object) -> ChargingLocation:
    """Return a location with so many equal EVSEs in one pool A."""
    return location([evse(n) for n in range(1, count + 1)], [pool("A", range(1, count + 1))], **policy)
