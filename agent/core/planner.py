"""The plan: an EVSE of its own for every confirmed reservation, for its whole slot.

Pure. The plan proves at every moment that all that was promised fits; it is told to nobody, and it changes whenever
that makes room. Running stays of others are not in it: they end when they end, see `admission.py`.
"""

from dataclasses import dataclass

from agent.core.booking import Period, Plan, Reservation, ReservationId
from agent.core.layout import MINUTE_MS, EvseId, Now
from agent.core.queue import in_service
from agent.core.state import HOLDING, Site

OUTAGE_MS = 60 * MINUTE_MS  # an EVSE out of service is not counted on for so long; what lies further off may be mended
SEARCH_MAX = 2_000  # tries to make room before a slot counts as taken; 200 reservations on 50 EVSEs need some dozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What is asked of the plan: an EVSE out of these for this span, for a reservation."""

    reservation: ReservationId
    accepts: tuple[EvseId, ...]
    span: Period


def unbound(site: Site) -> list[Reservation]:
    """Return the open reservations that have no EVSE yet, by start: what the plan is about."""
    return sorted(
        (r for r in site.reservations.values() if r.open and not is_bound(site, r)),
        key=lambda r: (r.period.begin_utc_ms, r.id),
    )


def slot_of(reservation: Reservation) -> Slot:
    """Return what a reservation asks of the plan."""
    return Slot(reservation=reservation.id, accepts=reservation.accepts, span=reservation.claimed)


def is_bound(site: Site, reservation: Reservation) -> bool:
    """Return whether an EVSE is held for a reservation that is due, or its CheckIn has ended."""
    check_in = None if reservation.check_in is None else site.check_ins.get(reservation.check_in)
    return check_in is not None and (check_in.state in HOLDING or not check_in.open)


def _pinned(site: Site) -> list[tuple[EvseId, Slot]]:
    """Return the slots that are bound: an EVSE is held for them, or their stay is under way within its slot."""
    users = [(e, h.check_in) for e, h in site.holds.items()]
    users += [(e, s.check_in) for e, s in site.stays.items() if s.check_in is not None]
    found = []
    for evse, user in users:
        check_in = site.check_ins.get(user)
        booked = None if check_in is None or check_in.reservation is None else check_in.reservation
        reservation = None if booked is None else site.reservations.get(booked)
        if reservation is not None:
            found.append((evse, slot_of(reservation)))
    return sorted(found, key=lambda pair: pair[0])


def room_for(site: Site, wanted: Slot, now: Now) -> Plan | None:
    """Return where a slot is planned, and who is planned elsewhere to make room for it, or None if there is no room.

    An old slot of the same reservation is given up in the same breath.
    """
    return _Ledger(site, now, but=wanted.reservation).place(wanted)


def usable(site: Site, evse: EvseId, span: Period, now: Now) -> bool:
    """Return whether an EVSE can be counted on for a span: in service or mended by then, and no ReserveNow in it."""
    if evse not in site.evses:
        return False
    utc_ms = now.utc_ms
    if utc_ms is None:
        return True
    if not in_service(site, evse) and span.begin_utc_ms <= utc_ms + OUTAGE_MS:
        return False
    reserve = site.reserved.get(evse)
    return reserve is None or span.begin_utc_ms >= utc_ms + reserve.until_ms - now.elapsed_ms


class _Ledger:
    """The slots of all reservations by EVSE, and the search that makes room among them."""

    def __init__(self, site: Site, now: Now, but: ReservationId) -> None:
        self._site, self._now = site, now
        self._tries = 0
        self._moves: dict[ReservationId, EvseId] = {}
        self._by_evse: dict[EvseId, list[Slot]] = {e: [] for e in site.evse_ids()}
        pinned = _pinned(site)
        self._fixed = frozenset(s.reservation for _, s in pinned)
        planned = [(r.planned, slot_of(r)) for r in unbound(site)]
        for evse, slot in (*pinned, *planned):
            if slot.reservation != but and evse in self._by_evse:
                self._by_evse[evse].append(slot)

    def place(self, wanted: Slot) -> Plan | None:
        """Find an EVSE for a slot, moving others if need be."""
        return tuple(sorted(self._moves.items())) if self._placed(wanted, self._fixed) else None

    def _placed(self, wanted: Slot, fixed: frozenset[ReservationId]) -> bool:
        """Place a slot without touching those in `fixed`; a failed try leaves everything as it was."""
        self._tries += 1
        usable_ones = [e for e in wanted.accepts if usable(self._site, e, wanted.span, self._now)]
        in_the_way = {e: [s for s in self._by_evse[e] if s.span.overlaps(wanted.span)] for e in usable_ones}
        for evse in sorted(usable_ones, key=lambda e: (len(in_the_way[e]), e)):  # where the fewest must move
            others = in_the_way[evse]
            if self._tries > SEARCH_MAX:
                return False
            if any(s.reservation in fixed for s in others):
                continue
            before, moves = {e: list(slots) for e, slots in self._by_evse.items()}, dict(self._moves)
            for other in others:
                self._by_evse[evse].remove(other)
            self._by_evse[evse].append(wanted)
            self._moves[wanted.reservation] = evse
            placed = fixed | {wanted.reservation}
            if all(self._placed(other, placed) for other in others):
                return True
            self._by_evse, self._moves = before, moves
        return False
