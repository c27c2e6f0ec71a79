"""How long the core takes to decide and settle at a large, busy site: 50 EVSEs charge, 500 wait.

In processor time: what else the machine does is not the core's.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from time import process_time

from agent.core import inputs as i
from agent.core.layout import (
    AdHocStart,
    ChargingLocation,
    ChargingPool,
    CheckInId,
    Connector,
    ConnectorId,
    Evse,
    EvseId,
    Now,
    OpenRange,
    Policy,
    PoolId,
    SubjectRef,
)
from agent.core.site import fold, restate, settle, step, wake
from agent.core.state import Bay, Origin, Site, Wishes

EVSES = 50
WAITING = 499  # one less than may be open, or joining would be refused
BUDGET_MS = 1.0
ROUNDS = 100
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """Yield (figure, budget, measured) of each deed at the busy site."""
    site, now = _busy()
    fresh = [replace(site) for _ in range(2 * ROUNDS)]  # a Site remembers what was asked of it
    empty = [step(site, i.Unplugged(evse=EvseId(1 + n % EVSES)), now).site for n in range(ROUNDS)]

    def each(given: Callable[[int], i.Input], before: list[Site] | None = None) -> Callable[[int], object]:
        return lambda n: step(site if before is None else before[n], given(n), now)

    yield _row("core: join", each(lambda n: _join(9000 + n)))
    yield _row("core: leave the queue", each(lambda n: i.LeaveQueue(check_in=CheckInId(n + 1))))
    yield _row("core: snooze", each(lambda n: i.SnoozeCheckIn(check_in=CheckInId(n + 1), minutes=5)))
    yield _row("core: plug pulled", each(lambda n: i.Unplugged(evse=EvseId(1 + n % EVSES))))
    yield _row("core: the bay comes free, the next is called", each(_free, empty))
    yield _row("core: a card that may not start here", each(_card))
    yield _row("core: settle, nothing due", lambda n: settle(fresh[n], now))
    yield _row("core: when to wake", lambda n: wake(fresh[-1 - n]))
    yield _row("core: restate and rebuild", lambda _: fold(restate(site)), budget_ms=None)


def _row(figure: str, deed: Callable[[int], object], budget_ms: float | None = BUDGET_MS) -> Row:
    """Measure a deed so many times, each on the same state."""
    times_ms = []
    gc.collect()
    for n in range(ROUNDS):
        begin = process_time()
        deed(n)
        times_ms.append((process_time() - begin) * 1000)
    budget = "-" if budget_ms is None else f"median <= {budget_ms:.1f} ms"
    return figure, budget, f"median {median(times_ms):.2f} ms, at most {max(times_ms):.2f} ms"


def _free(n: int) -> i.BaySeen:
    return i.BaySeen(evse=EvseId(1 + n % EVSES), bay=Bay.FREE)


def _card(n: int) -> i.TokenPresented:
    subject = SubjectRef(f"stranger-{n}")
    return i.TokenPresented(evse=EvseId(1 + n % EVSES), subject=subject, verdict=i.Verdict.ACCEPTED, draw=n)


def _join(n: int) -> i.JoinQueue:
    wishes = (Wishes(), Wishes(standards=("IEC_62196_T2_COMBO",)), Wishes(min_power_w=100_000))[n % 3]
    return i.JoinQueue(
        pool=PoolId("AB"[n % 2]), draw=n, origin=Origin.PAGE, device=SubjectRef(f"phone-{n}"), wishes=wishes
    )


def _location() -> ChargingLocation:
    cable = Connector(id=ConnectorId(1), standard="IEC_62196_T2_COMBO", max_power_w=150_000, dc=True, cable=True)
    evses = tuple(Evse(id=EvseId(n), label=str(n), connectors=(cable,)) for n in range(1, EVSES + 1))
    daily = tuple(OpenRange(weekday=d, begin_min=0, end_min=1440) for d in range(7))
    everywhere = tuple(e.id for e in evses)
    pools = (
        ChargingPool(id=PoolId("A"), names=(("en", "A"),), evses=everywhere, queue_limit=600, opening=daily),
        ChargingPool(id=PoolId("B"), names=(("en", "B"),), evses=everywhere[: EVSES // 2], queue_limit=600),
    )
    return ChargingLocation(
        id="L",
        name="L",
        country_code="DE",
        party_id="ABC",
        time_zone="UTC",
        evses=evses,
        pools=pools,
        policy=Policy(ad_hoc_start=AdHocStart.FREE),
    )


def _busy() -> tuple[Site, Now]:
    """Return the site with all bays taken and the queue full, and the instant it is."""
    now = Now(1000, 1_790_586_001_000)
    site = Site()
    opening: list[i.Input] = [
        i.Started(boot=1),
        i.LayoutRead(location=_location(), digest="1"),
        i.ClockRead(utc_ms=now.utc_ms),
        i.InputsRead(),
    ]
    for n in range(1, EVSES + 1):
        opening.append(i.BaySeen(evse=EvseId(n), bay=Bay.OCCUPIED))
        opening.append(i.PluggedIn(evse=EvseId(n), connector=ConnectorId(1)))
        opening.append(
            i.TokenPresented(evse=EvseId(n), subject=SubjectRef(f"c-{n}"), verdict=i.Verdict.ACCEPTED, draw=n)
        )
    opening.extend(_join(n) for n in range(WAITING))
    for given in opening:
        site = step(site, given, now).site
    assert len(site.line()) == WAITING
    return site, now
