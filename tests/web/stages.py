"""Every state of the own page, reached as it is on site: by what people, cars, cards and time do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from web_fixtures import FAST, RunningSite, lone, pool, rasthof

from agent.core import inputs as i
from agent.core.layout import ChargingLocation, CheckInId, EvseId, OpenRange, SubjectRef
from agent.core.page import PageState
from agent.core.shown import Reading, WaitRange, Waits
from agent.core.state import Bay, CheckIn, Origin

ONE = EvseId(1)
ME = CheckInId(1)
MINUTE_S = 60.0

Stage = Callable[[RunningSite], Awaitable[CheckInId]]


async def join(site: RunningSite, name: str | None = None) -> CheckInId:
    """Somebody checks in: with a card of that name, or without one."""
    number = site.runner.site.next_check_in
    await site.runner.ask(
        i.JoinQueue(
            pool=FAST,
            draw=number,
            origin=Origin.PAGE,
            device=SubjectRef(f"device-{number}"),
            subjects=(SubjectRef(name),) if name else (),
        )
    )
    return CheckInId(number)


async def joined(site: RunningSite) -> CheckIn:
    """Somebody without a card checks in; what the site knows of them."""
    who = await join(site)
    return site.runner.site.check_ins[who]


async def card(site: RunningSite, number: int, name: str, verdict: i.Verdict = i.Verdict.ACCEPTED) -> None:
    """A card is held to a reader."""
    await site.see(i.TokenPresented(evse=EvseId(number), subject=SubjectRef(name), verdict=verdict, draw=99))


async def stranger_charges(site: RunningSite, number: int = 1) -> None:
    """Somebody with a card charges at a bay."""
    await site.park(number)
    await site.plug(number)
    await card(site, number, f"stranger-{number}")
    await site.energise(number)


async def _next(site: RunningSite) -> CheckInId:
    await stranger_charges(site)
    return await join(site)


async def _queue_paused(site: RunningSite) -> CheckInId:
    await stranger_charges(site)
    await join(site)
    who = await join(site)
    await site.see(i.Started(boot=2, paused=True), i.InputsRead())
    return who


async def _waiting(site: RunningSite) -> CheckInId:
    await _next(site)
    who = await join(site)
    site.world.waits = Waits(of={who: WaitRange(p10_min=22, p50_min=25, p90_min=47)})
    return who


async def _called(site: RunningSite) -> CheckInId:
    return await join(site, "me")


async def _bay_changed(site: RunningSite) -> CheckInId:
    who = await join(site, "me")
    await site.see(i.FaultSeen(evse=ONE, code="GroundFailure", active=True))
    return who


async def _arrived(site: RunningSite) -> CheckInId:
    who = await join(site, "me")
    await site.park(1)
    return who


async def _wrong_bay(site: RunningSite) -> CheckInId:
    who = await join(site, "me")
    await join(site, "other")
    await site.park(2)
    await site.plug(2)
    await card(site, 2, "me")
    return who


async def _bay_blocked(site: RunningSite) -> CheckInId:
    return CheckInId(await _wrong_bay(site) + 1)


async def _requeued(site: RunningSite) -> CheckInId:
    who = await join(site, "me")
    for _ in range(3):
        await join(site)
    await site.later(5 * MINUTE_S + 1)
    return who


async def _ended(site: RunningSite) -> CheckInId:
    who = await join(site)
    await site.later(12 * MINUTE_S)
    return who


async def _snoozed(site: RunningSite) -> CheckInId:
    who = await _next(site)
    await site.runner.ask(i.SnoozeCheckIn(check_in=who, minutes=20))
    return who


async def _authorise(site: RunningSite) -> CheckInId:
    who = await _arrived(site)
    await site.plug(1)
    return who


async def _not_authorised(site: RunningSite) -> CheckInId:
    who = await _arrived(site)
    await card(site, 1, "me", i.Verdict.EXPIRED)
    return who


async def _charging(site: RunningSite) -> CheckInId:
    who = await _authorise(site)
    await card(site, 1, "me")
    await site.energise(1)
    site.world.readings[ONE] = Reading(power_w=74_000, register_wh=19_400)
    return who


async def _paused_by_car(site: RunningSite) -> CheckInId:
    who = await _charging(site)
    await site.see(i.SuspensionSeen(evse=ONE, by_ev=True))
    return who


async def _paused_by_site(site: RunningSite) -> CheckInId:
    who = await _charging(site)
    site.world.readings[ONE] = Reading(power_w=0, limited=True)
    return who


async def _finished(site: RunningSite) -> CheckInId:
    who = await _charging(site)
    await join(site)
    await join(site)
    await site.runner.ask(i.StopAtPage(check_in=who))
    return who


async def _overstay(site: RunningSite) -> CheckInId:
    who = await _finished(site)
    await site.later(10 * MINUTE_S + 1)
    return who


async def _done(site: RunningSite) -> CheckInId:
    who = await _charging(site)
    await site.later(25 * MINUTE_S)
    await site.see(i.Unplugged(evse=ONE, register_wh=32_200), i.BaySeen(evse=ONE, bay=Bay.FREE))
    return who


async def _left(site: RunningSite) -> CheckInId:
    who = await _next(site)
    await site.runner.ask(i.LeaveQueue(check_in=who))
    return who


async def _site_fault(site: RunningSite) -> CheckInId:
    who = await _next(site)
    await site.see(i.FaultSeen(evse=ONE, code="GroundFailure", active=True))
    return who


async def _closed(site: RunningSite) -> CheckInId:
    who = await _next(site)
    await site.later(3 * 60 * MINUTE_S)
    return who


def one_fast() -> ChargingLocation:
    """One fast bay and one slow one, each in a pool of its own."""
    whole = rasthof()
    return replace(
        whole,
        evses=(whole.evses[0], whole.evses[2]),
        pools=(pool(FAST, "CCS, up to 300 kW", "CCS, bis 300 kW", (1,)), whole.pools[1]),
    )


def short_day() -> ChargingLocation:
    """One bay that is open from 6 to 16 o'clock."""
    whole = lone()
    opening = tuple(OpenRange(weekday=d, begin_min=6 * 60, end_min=16 * 60) for d in range(7))
    return replace(whole, pools=(replace(whole.pools[0], opening=opening),))


STAGES: Mapping[PageState, tuple[ChargingLocation, Stage]] = {
    PageState.WAITING: (one_fast(), _waiting),
    PageState.NEXT: (one_fast(), _next),
    PageState.CALLED: (one_fast(), _called),
    PageState.BAY_CHANGED: (rasthof(), _bay_changed),
    PageState.ARRIVED: (one_fast(), _arrived),
    PageState.WRONG_BAY: (rasthof(), _wrong_bay),
    PageState.BAY_BLOCKED: (rasthof(), _bay_blocked),
    PageState.REQUEUED: (one_fast(), _requeued),
    PageState.ENDED: (one_fast(), _ended),
    PageState.SNOOZED: (one_fast(), _snoozed),
    PageState.AUTHORISE: (one_fast(), _authorise),
    PageState.NOT_AUTHORISED: (one_fast(), _not_authorised),
    PageState.CHARGING: (one_fast(), _charging),
    PageState.PAUSED_BY_CAR: (one_fast(), _paused_by_car),
    PageState.PAUSED_BY_SITE: (one_fast(), _paused_by_site),
    PageState.FINISHED: (one_fast(), _finished),
    PageState.OVERSTAY: (one_fast(), _overstay),
    PageState.DONE: (one_fast(), _done),
    PageState.LEFT: (one_fast(), _left),
    PageState.SITE_FAULT: (one_fast(), _site_fault),
    PageState.QUEUE_PAUSED: (one_fast(), _queue_paused),
    PageState.CLOSED: (short_day(), _closed),
}
