"""Stories with bookings: `story.books("ann", in_minutes=60)`, `story.slot("ann")`, `story.status("ann")`."""

from dataclasses import replace

from story import MINUTE, START_UTC_MS, Story, evse, location, pool

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.booking import Canceler, Period, Reservation, ReservationId, ReservationStatus
from agent.core.layout import AdHocStart, BookingTerms, ChargingLocation, CheckInId, EvseId, PoolId, SubjectRef
from agent.core.state import Origin, Reason, Wishes
from agent.core.terms import Fee, FeeKind

NO_SHOW = Fee(kind=FeeKind.NO_SHOW, before_taxes=400, currency="EUR", tax_permille=190)
LATE = Fee(kind=FeeKind.LATE_CANCEL, before_taxes=200, currency="EUR")
TERMS = BookingTerms(share_max_percent=100, fees=(NO_SHOW, LATE))


def bookable(count: int, terms: BookingTerms = TERMS, *, bound: int | None = None) -> ChargingLocation:
    """Return so many equal EVSEs in one pool A that can be booked; in B, if it is said, only the first `bound`."""
    pools = [pool("A", range(1, count + 1))]
    if bound is not None:
        pools.append(pool("B", range(1, bound + 1)))
    # With paid charging nobody starts by plugging in alone.
    layout = location([evse(n) for n in range(1, count + 1)], pools, ad_hoc_start=AdHocStart.NONE)
    return replace(layout, pools=tuple(replace(p, booking=terms) for p in layout.pools))


class BookingStory(Story):
    """A story in which people book; a booking of somebody is also known by their name."""

    def __init__(self, layout: ChargingLocation, *, trusted: bool = True) -> None:
        self.booked: dict[str, ReservationId] = {}
        super().__init__(layout, trusted=trusted)

    def books(
        self,
        who: str,
        into: str = "A",
        *,
        in_minutes: float = 60,
        length: float = 30,
        card: str | None = None,
        wishes: Wishes | None = None,
        replaces: str | None = None,
        from_now: bool = False,
        groups: tuple[str, ...] = (),
    ) -> i.Refusal | None:
        """Somebody books a slot that begins in so many minutes, from a start at a full hour; return why not."""
        begin = START_UTC_MS + self.elapsed_ms + round(in_minutes * MINUTE)
        ident = ReservationId(self.site.next_reservation)
        refused = self.asks(
            i.Reserve(
                pool=PoolId(into),
                period=Period(begin_utc_ms=begin, end_utc_ms=begin + round(length * MINUTE)),
                draw=len(self.events) * 7919,
                origin=Origin.PARTNER,
                subjects=(SubjectRef(card or f"card of {who}"),),
                wishes=wishes or Wishes(),
                groups=groups,
                replaces=None if replaces is None else self.booked[replaces],
                from_now=from_now,
            )
        )
        if refused is None and replaces is None:
            self.booked[who] = ident
        return refused

    def cancels(self, who: str, origin: Origin = Origin.PARTNER) -> i.Refusal | None:
        """Somebody cancels their booking."""
        return self.asks(i.CancelReservation(reservation=self.booked[who], origin=origin))

    def comes_at(self, who: str, in_minutes: float) -> i.Refusal | None:
        """Somebody tells when they come for their booking."""
        expected = START_UTC_MS + self.elapsed_ms + round(in_minutes * MINUTE)
        return self.asks(i.UpdateBookedArrival(reservation=self.booked[who], expected_utc_ms=expected))

    def reservation(self, who: str) -> Reservation:
        """Return somebody's reservation."""
        return self.site.reservations[self.booked[who]]

    def status(self, who: str) -> ReservationStatus:
        """Return the status of somebody's reservation."""
        return self.reservation(who).status

    def starts_in(self, who: str) -> float:
        """Return in how many minutes somebody's slot begins."""
        return (self.reservation(who).period.begin_utc_ms - START_UTC_MS - self.elapsed_ms) / MINUTE

    def planned(self, who: str) -> int | None:
        """Return the EVSE that somebody's booking is planned on."""
        return self.reservation(who).planned

    def bound(self, who: str) -> EvseId | None:
        """Return the EVSE that is held for somebody's booking, or None."""
        check_in = self.reservation(who).check_in
        hold = None if check_in is None else self.site.hold_of(check_in)
        return None if hold is None else hold.evse

    def due(self, who: str) -> CheckInId:
        """Return the CheckIn that somebody's booking became; they are known by it from now on."""
        check_in = self.reservation(who).check_in
        assert check_in is not None, f"the booking of {who} is not due"
        self.people[who] = check_in
        return check_in

    def reason_of_end(self) -> tuple[ReservationStatus, Reason, Canceler | None]:
        """Return how the last reservation that ended did."""
        last = self.happened(ev.ReservationEnded)[-1]
        return last.status, last.reason, last.canceler

    def fees(self) -> list[tuple[FeeKind, int]]:
        """Return the kinds and amounts of the fees that arose, in order."""
        return [(e.fee.kind, e.fee.before_taxes) for e in self.happened(ev.FeeArose)]
