"""A web server on a runner on a journal, with time and cars in the test's hands, and a browser-like client."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
from shared_fixtures import open_journal, replayed

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
    Place,
    Policy,
    PoolId,
)
from agent.core.shown import NO_WAITS, Reading, Waits
from agent.core.state import Bay
from agent.journal.store import Journal
from agent.kernel.authoriser import Authoriser, ConfiguredTokens, Judged
from agent.kernel.clock import LocationClock
from agent.kernel.presence import Presence
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.storing import JournalPort
from agent.kernel.subjects import Subjects
from agent.texts import load
from agent.web.context import WebContext, WebOptions
from agent.web.server import Served, serve
from agent.web.sockets import HEAD_S
from drivers.twin.clock import ManualClock

UTC_MS = 1_795_269_600_000  # Saturday 2026-11-21 14:00 UTC
CCS, TYPE_2 = "IEC_62196_T2_COMBO", "IEC_62196_T2"
FAST, SLOW = PoolId("CCS"), PoolId("AC")
KEY = SiteKey(bytes(range(32)))
TIMEOUT = aiohttp.ClientTimeout(total=10)


def evse(number: int, standard: str = CCS, power_w: int = 300_000, *, accessible: bool = False) -> Evse:
    """An EVSE with one connector."""
    connector = Connector(id=ConnectorId(1), standard=standard, max_power_w=power_w, dc=standard == CCS, cable=True)
    return Evse(id=EvseId(number), label=str(number), connectors=(connector,), accessible=accessible)


def rasthof(**policy: Any) -> ChargingLocation:
    """Three bays in two pools: two fast ones, one slow and accessible."""
    return ChargingLocation(
        id="NORD",
        name="Rasthof Nord",
        country_code="DE",
        party_id="ABC",
        time_zone="UTC",
        evses=(evse(1), evse(2), evse(3, TYPE_2, 22_000, accessible=True)),
        pools=(
            pool(FAST, "CCS, up to 300 kW", "CCS, bis 300 kW", (1, 2)),
            pool(SLOW, "Type 2, up to 22 kW", "Typ 2, bis 22 kW", (3,)),
        ),
        policy=Policy(**{"ad_hoc_start": AdHocStart.FREE, **policy}),
    )


def pool(name: PoolId, en: str, de: str, evses: tuple[int, ...], **more: Any) -> ChargingPool:
    """A pool with a price and a name in both languages."""
    ids = tuple(EvseId(e) for e in evses)
    return ChargingPool(id=name, names=(("en", en), ("de", de)), evses=ids, price="EUR 0.59/kWh", **more)


def lone() -> ChargingLocation:
    """One bay in one pool."""
    return replace(rasthof(), evses=(evse(1),), pools=(pool(FAST, "CCS, up to 300 kW", "CCS, bis 300 kW", (1,)),))


def placed(*rows: str, label: str = "{}") -> ChargingLocation:
    """A location drawn as text, the nearest row first: `x` is a bay, a blank none."""
    places = [Place(row=r, column=c) for r, row in enumerate(rows, 1) for c, sign in enumerate(row, 1) if sign == "x"]
    evses = [replace(evse(n), place=place, label=label.format(n)) for n, place in enumerate(places, 1)]
    numbers = tuple(range(1, len(evses) + 1))
    return replace(rasthof(), evses=tuple(evses), pools=(pool(FAST, "CCS", "CCS", numbers),))


@dataclass(slots=True)
class World:
    """What a test may change about the site while it runs."""

    readings: dict[EvseId, Reading] = field(default_factory=dict)
    waits: Waits = NO_WAITS
    trusted: bool = True
    link: str | None = None


@dataclass(slots=True)
class RunningSite:
    """A site that is served."""

    runner: Runner
    served: Served
    clock: ManualClock
    presence: Presence
    world: World
    context: WebContext
    journal: Journal

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.served.port}"

    @property
    def digits(self) -> str:
        """The six digits on the displays."""
        return self.presence.code(self.clock.monotonic())

    async def see(self, *seen: i.Observation) -> None:
        """Let something happen on site."""
        for one in seen:
            await self.runner.tell(one)

    async def park(self, number: int) -> None:
        """A car drives into a bay."""
        await self.see(i.BaySeen(evse=EvseId(number), bay=Bay.OCCUPIED))

    async def plug(self, number: int) -> None:
        """A car is plugged in."""
        await self.see(i.PluggedIn(evse=EvseId(number), connector=ConnectorId(1)))

    async def energise(self, number: int) -> None:
        """The contactor closes."""
        await self.see(i.ContactorSeen(evse=EvseId(number), energised=True, register_wh=1000))

    async def fill(self) -> None:
        """Strangers stand in all bays."""
        for one in self.runner.site.evse_ids():
            await self.park(one)

    async def later(self, seconds: float) -> None:
        """Let time pass."""
        await self.runner.idle()
        await self.clock.advance(seconds)
        await self.runner.idle()

    def page_of(self, check_in: int) -> str:
        """The path of a CheckIn's own page."""
        return f"/t/{KEY.page_address(CheckInId(check_in))}"


def _context(
    runner: Runner,
    journal: Journal,
    clock: ManualClock,
    world: World,
    options: WebOptions | None,
    more: Mapping[str, Any],
) -> WebContext:
    """What the pages are served with: three known IdTokens, and a world that the test may change."""
    tokens = ConfiguredTokens(
        {
            "GOOD": Judged(verdict=i.Verdict.ACCEPTED),
            "BLOCKED": Judged(verdict=i.Verdict.BLOCKED),
            "ANYBODY": Judged(verdict=i.Verdict.ACCEPTED, known=False),
        },
        Judged(verdict=i.Verdict.INVALID),
    )
    return WebContext(
        runner=runner,
        journal=journal,
        catalogue=load(),
        presence=Presence(len(runner.site.evse_ids())),
        key=KEY,
        subjects=Subjects(journal, KEY),
        authoriser=Authoriser([tokens]),
        monotonic=clock.monotonic,
        options=options or WebOptions(public_url="http://10.42.0.1", operator_phone="0800 123456"),
        readings=world.readings,
        waits=lambda: world.waits,
        **{"link": lambda: world.link, **more},
    )


@asynccontextmanager
async def serving(
    folder: Path,
    location: ChargingLocation | None = None,
    options: WebOptions | None = None,
    clock: ManualClock | None = None,
    wrap: Callable[[Journal], JournalPort] = lambda journal: journal,
    head_s: float = HEAD_S,
    **more: Any,
) -> AsyncIterator[RunningSite]:
    """Serve a site whose inputs are read and whose bays are free; a second time on the same folder is a restart."""
    clock, world = clock or ManualClock(1000.0), World()
    journal = open_journal(folder)

    def wall() -> int | None:
        return UTC_MS + round((clock.monotonic() - 1000) * 1000) if world.trusted else None

    boot = journal.last_boot + 1
    runner = Runner(
        site=replayed(journal),
        clock=LocationClock(clock, journal.last_elapsed_ms, wall),
        journal=wrap(journal),
        boot=boot,
    )
    task = asyncio.ensure_future(runner.run())
    here = location or rasthof()
    runner.observe(i.LayoutRead(location=here, digest=repr(here)))
    runner.observe(i.Started(boot=boot))
    runner.observe(i.ClockRead(utc_ms=wall()))
    for one in here.evses:
        runner.observe(i.BaySeen(evse=one.id, bay=Bay.FREE))
    await runner.tell(i.InputsRead())
    context = _context(runner, journal, clock, world, options, more)
    try:
        served = await serve(context, "127.0.0.1", 0, head_s=head_s)
        try:
            yield RunningSite(runner, served, clock, context.presence, world, context, journal)
        finally:
            await served.close()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        journal.close()


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def request_id(self) -> str:
        """The request id of the first form on the page."""
        return find(r'name="request" value="([^"]+)"', self.text)

    @property
    def h1(self) -> str:
        """The heading."""
        return unescape(find(r"<h1[^>]*>([^<]*)</h1>", self.text))

    @property
    def words(self) -> str:
        """The text without tags."""
        return unescape(" ".join(re.sub(r"<[^>]+>", " ", self.text).split()))


def find(pattern: str, text: str) -> str:
    """Return the first group of a pattern that must be there."""
    found = re.search(pattern, text)
    assert found is not None, f"{pattern} is not in:\n{text}"
    return found[1]


class Phone:
    """A client with its own cookies that follows no redirects by itself."""

    def __init__(self, url: str, **headers: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers, timeout=TIMEOUT
        )

    async def __aenter__(self) -> "Phone":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, **headers: str) -> Page:
        """Open an address."""
        async with self._session.get(self._url + path, headers=headers, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.text())

    async def json(self, path: str) -> Any:
        """Return the answer to an address as data."""
        async with self._session.get(self._url + path, allow_redirects=False) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def bytes(self, path: str) -> bytes:
        """Return a file."""
        async with self._session.get(self._url + path) as answer:
            return await answer.read()

    async def post_json(self, path: str, body: Mapping[str, Any], **headers: str) -> Page:
        """Send data."""
        async with self._session.post(self._url + path, json=body, headers=headers) as answer:
            return Page(answer.status, answer.headers, await answer.text())

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[str]]:
        """Open an event stream; yields the data of its events."""
        async with self._session.get(self._url + path) as answer:
            assert answer.status == 200, await answer.text()

            async def events() -> AsyncIterator[str]:
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        yield line[6:].decode()

            yield events()

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """Send a form."""
        async with self._session.post(self._url + path, data=fields, headers=headers, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.text())

    async def check_in(self, digits: str, pool: str = FAST, **fields: str) -> Page:
        """Open the check-in page and send its form."""
        page = await self.get("/")
        return await self.post("/check-in", {"request": page.request_id, "pool": pool, "digits": digits, **fields})

    async def do(self, path: str, action: str, **fields: str) -> Page:
        """Send the form of an action of an own page; the question before leaving always has a request id."""
        page = await self.get(f"{path}/leave")
        return await self.post(f"{path}/{action}", {"request": page.request_id, **fields})
