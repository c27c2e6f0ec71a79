"""One simulated day of a site: the real core, drivers that do what they came for, and nothing in between.

No asyncio, no threads, no sleeping: instants come from a heap. Everybody goes to their bay at once when they are
called, stays as long as the demand says, and the bay is free again a while after. Who booked comes when they come, or
not.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from heapq import heappop, heappush

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.booking import Period, ReservationId
from agent.core.evolve import evolve
from agent.core.forecast import newcomer_wait
from agent.core.layout import (
    DAY_MIN,
    MINUTE_MS,
    AdHocStart,
    ChargingLocation,
    CheckInId,
    ConnectorId,
    EvseId,
    Now,
    SubjectRef,
)
from agent.core.queue import fitting_connector, position
from agent.core.shown import WaitRange
from agent.core.site import settle, step, wake
from agent.core.state import Bay, Origin, Site, Wishes
from agent.simulation.demand import Visitor

EPOCH_UTC_MS = 1_767_571_200_000  # Monday 2026-01-05 00:00 UTC: a day like any other, far from changes of the clock
EVE_MS = DAY_MIN * MINUTE_MS  # bookings are made on the day before
DAY_MAX_MS = 14 * DAY_MIN * MINUTE_MS  # a day that is not over by then never ends, which is a mistake of ours

Watch = Callable[[Site, tuple[ev.Event, ...], Now], None]


@dataclass(slots=True)
class Outcome:
    """What came of one visitor."""

    visitor: Visitor
    evse: EvseId | None = None
    start_min: float | None = None
    position: int | None = None
    wait: WaitRange | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a day is simulated: minutes until an EVSE is free after a departure, whether waits are forecast, the seed."""

    change_over_min: float = 2.0
    forecasts: bool = True
    seed: int = 0


class SiteDay:
    """A day of one site; `run` it once. Afterwards `site` is its last state."""

    def __init__(
        self,
        location: ChargingLocation,
        visitors: Sequence[Visitor],
        rules: Rules,
        *,
        history: Sequence[ev.StaysRestated] = (),
        watch: Watch | None = None,
    ) -> None:
        """`history` is what the site has learned before; `watch` sees every state with the events that led to it."""
        self._rules, self._watch = rules, watch
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self._elapsed_ms = 0
        self.outcomes = [Outcome(v) for v in visitors]
        self._by_check_in: dict[CheckInId, Outcome] = {}
        self._by_reservation: dict[ReservationId, Outcome] = {}
        self._here: set[int] = set()  # who has arrived, by their place in `outcomes`
        self._place = {id(o): n for n, o in enumerate(self.outcomes)}
        self.site: Site = reduce(evolve, history, Site())
        # Whoever is called plugs in; who pays, and how, is no matter of the queue. Who has ended is nobody's any more.
        policy = replace(location.policy, ad_hoc_start=AdHocStart.FREE, keep_ended_ms=MINUTE_MS)
        free = replace(location, policy=policy)
        self._give(i.LayoutRead(location=free, digest="simulation"))
        self._give(i.Started(boot=1))
        self._give(i.ClockRead(utc_ms=EPOCH_UTC_MS))
        for evse in self.site.evse_ids():
            self._give(i.BaySeen(evse=evse, bay=Bay.FREE))
        self._give(i.InputsRead())

    def run(self) -> list[Outcome]:
        """Let the day happen; return what came of everybody, in the order of the demand."""
        for outcome in self.outcomes:
            if outcome.visitor.booked_start_min is not None:
                self._book(outcome)
        for outcome in self.outcomes:
            if outcome.refused is None and outcome.visitor.shows_up:
                self._at(outcome.visitor.arrive_min, partial(self._arrive, outcome))
        while self._heap:
            at_ms, _, happens = self._heap[0]
            due = wake(self.site)
            if due is not None and due <= at_ms:
                self._settle(due)
                continue
            heappop(self._heap)
            self._elapsed_ms = at_ms
            happens()
            if at_ms > DAY_MAX_MS:
                raise AssertionError("a simulated day did not come to its end")
        return self.outcomes

    # --- what drivers do

    def _book(self, outcome: Outcome) -> None:
        visitor = outcome.visitor
        begin = EPOCH_UTC_MS + EVE_MS + round((visitor.booked_start_min or 0.0) * MINUTE_MS)
        begin -= begin % MINUTE_MS
        length = max(round(visitor.booked_len_min or 1.0), 1) * MINUTE_MS
        key = ReservationId(self.site.next_reservation)
        self._by_reservation[key] = outcome
        refused = self._give(
            i.Reserve(
                pool=visitor.pool,
                period=Period(begin_utc_ms=begin, end_utc_ms=begin + length),
                draw=self._place[id(outcome)],
                origin=Origin.PARTNER,
                subjects=(self._subject(outcome),),
                wishes=Wishes(evses=visitor.accepts),
            )
        )
        if refused is not None:
            outcome.refused = refused.value
            del self._by_reservation[key]

    def _arrive(self, outcome: Outcome) -> None:
        """Who has booked goes to their bay, or waits for it; everybody else checks in."""
        self._here.add(self._place[id(outcome)])
        booked = next((k for k, o in self._by_reservation.items() if o is outcome), None)
        reservation = None if booked is None else self.site.reservations.get(booked)
        if reservation is not None and reservation.open:
            check_in = None if reservation.check_in is None else self.site.check_ins.get(reservation.check_in)
            if check_in is not None and self.site.hold_of(check_in.id) is not None and check_in.evse is not None:
                self._start(outcome, check_in.evse)
            return
        self._join(outcome)

    def _join(self, outcome: Outcome) -> None:
        visitor = outcome.visitor
        before, key = self.site, CheckInId(self.site.next_check_in)
        self._by_check_in[key] = outcome
        stated = visitor.stated_min
        refused = self._give(
            i.JoinQueue(
                pool=visitor.pool,
                draw=self._place[id(outcome)],
                origin=Origin.PARTNER,
                subjects=(self._subject(outcome),),
                wishes=Wishes(evses=visitor.accepts),
                departure_utc_ms=None if stated is None else EPOCH_UTC_MS + EVE_MS + round(stated * MINUTE_MS),
                departure_accepted=True,
            )
        )
        if refused is not None:
            outcome.refused = refused.value
            del self._by_check_in[key]
        elif outcome.start_min is None:
            outcome.position = position(self.site, self.site.check_ins[key])
            if self._rules.forecasts:
                wishes, seed = Wishes(evses=visitor.accepts), self._rules.seed + before.sequence
                now = before.at(self._elapsed_ms)
                outcome.wait = newcomer_wait(before, now, visitor.pool, wishes, seed=seed)
        else:
            outcome.position = 0
            outcome.wait = WaitRange(p10_min=0, p50_min=0, p90_min=0)

    def _start(self, outcome: Outcome, evse: EvseId) -> None:
        outcome.evse, outcome.start_min = evse, (self._elapsed_ms - EVE_MS) / MINUTE_MS
        layout = self.site.layout_of(evse)
        connector = fitting_connector(layout, Wishes(evses=outcome.visitor.accepts)) if layout else None
        subject = self._subject(outcome)
        self._give(i.BaySeen(evse=evse, bay=Bay.OCCUPIED))
        self._give(i.TokenPresented(evse=evse, subject=subject, verdict=i.Verdict.ACCEPTED, draw=0))
        self._give(i.PluggedIn(evse=evse, connector=connector.id if connector else ConnectorId(1)))
        leaves = self._elapsed_ms + round(outcome.visitor.occupies_min * MINUTE_MS)
        self._push(leaves, partial(self._leave, evse))

    def _leave(self, evse: EvseId) -> None:
        """The plug is pulled; the bay is free for the next a while later."""
        self._give(i.Unplugged(evse=evse))
        free = partial(self._give, i.BaySeen(evse=evse, bay=Bay.FREE))
        self._push(self._elapsed_ms + round(self._rules.change_over_min * MINUTE_MS), free)

    def _subject(self, outcome: Outcome) -> SubjectRef:
        return SubjectRef(f"s{self._place[id(outcome)]}")

    # --- the machinery

    def _at(self, minute: float, happens: Callable[[], object]) -> None:
        self._push(EVE_MS + round(minute * MINUTE_MS), happens)

    def _push(self, at_ms: int, happens: Callable[[], object]) -> None:
        self._count += 1
        heappush(self._heap, (at_ms, self._count, happens))

    def _settle(self, at_ms: int) -> None:
        self._elapsed_ms = at_ms
        self._goes_on(*settle(self.site, self.site.at(at_ms)))

    def _give(self, given: i.Input) -> i.Refusal | None:
        outcome = step(self.site, given, self.site.at(self._elapsed_ms))
        self._goes_on(outcome.site, outcome.events)
        return None if outcome.refused is None else outcome.refused.reason

    def _goes_on(self, site: Site, events: tuple[ev.Event, ...]) -> None:
        self.site = site
        if self._watch is not None and events:
            self._watch(site, events, site.at(self._elapsed_ms))
        for event in events:
            if isinstance(event, ev.ReservationDue):
                self._by_check_in[event.check_in] = self._by_reservation[event.reservation]
            elif isinstance(event, ev.EvseAssigned):
                self._called(event)

    def _called(self, event: ev.EvseAssigned) -> None:
        outcome = self._by_check_in[event.check_in]
        here = self._place[id(outcome)] in self._here
        if here and outcome.start_min is None:
            self._start(outcome, event.evse)


def by_day(visitors: Sequence[Visitor]) -> dict[str, list[Visitor]]:
    """Return the visitors of each day, days in the order in which they appear."""
    days: dict[str, list[Visitor]] = defaultdict(list)
    for visitor in visitors:
        days[visitor.day].append(visitor)
    return dict(days)
