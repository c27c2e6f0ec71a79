"""Fees of the agreed terms: when one arises, and what was seen that speaks for it.

Pure. A fee is data: whether to bill it is the partner's decision, on evidence whose times are not certified.
"""

from agent.core import events as ev
from agent.core.booking import Reservation
from agent.core.layout import MINUTE_MS, EvseId, Now
from agent.core.state import Bay, Hold, Site
from agent.core.terms import Fee, FeeKind


def late_cancel_fee(site: Site, reservation: Reservation, now: Now) -> tuple[ev.FeeArose, ...]:
    """Return the fee of a cancellation after the agreed limit; none for what the site itself has moved."""
    fee = reservation.terms.fee(FeeKind.LATE_CANCEL)
    limit_ms = reservation.period.begin_utc_ms - reservation.terms.cancel_until_min * MINUTE_MS
    if fee is None or reservation.moved or now.utc_ms is None or now.utc_ms <= limit_ms:
        return ()
    return (_arose(site, reservation, fee, (_seen(ev.EvidenceKind.CANCELED, now, None),), now),)


def no_show_fee(site: Site, reservation: Reservation, hold: Hold, now: Now) -> tuple[ev.FeeArose, ...]:
    """Return the fee of a booked driver for whom an EVSE was held and who did not come."""
    fee = reservation.terms.fee(FeeKind.NO_SHOW)
    if fee is None:
        return ()
    seen = {Bay.FREE: ev.EvidenceKind.BAY_EMPTY, Bay.OCCUPIED: ev.EvidenceKind.BAY_OCCUPIED}.get(
        site.evse(hold.evse).bay
    )
    evidence = (
        _seen(ev.EvidenceKind.HELD, site.at(hold.since_ms), hold.evse),
        *(() if seen is None else (_seen(seen, now, hold.evse),)),
        _seen(ev.EvidenceKind.NO_TOKEN, now, hold.evse),
        _seen(ev.EvidenceKind.HOLD_ENDED, now, hold.evse),
    )
    return (_arose(site, reservation, fee, evidence, now),)


def _seen(kind: ev.EvidenceKind, at: Now, evse: EvseId | None) -> ev.Evidence:
    return ev.Evidence(at_ms=at.elapsed_ms, utc_ms=at.utc_ms, kind=kind, evse=evse)


def _arose(site: Site, reservation: Reservation, fee: Fee, evidence: tuple[ev.Evidence, ...], now: Now) -> ev.FeeArose:
    return ev.FeeArose(
        at_ms=now.elapsed_ms, fee_id=site.next_fee, fee=fee, evidence=evidence, reservation=reservation.id
    )
