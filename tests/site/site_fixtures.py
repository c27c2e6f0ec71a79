"""A whole site without sockets: runner, journal, twin and devices on a clock that only the test moves."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared_fixtures import equal_evses, open_journal, replayed

from agent.core.inputs import ClockRead, InputsRead, JoinQueue, LayoutRead, Started, Verdict
from agent.core.layout import (
    AdHocStart,
    ChargingLocation,
    CheckInId,
    PoolId,
    SubjectRef,
)
from agent.core.state import CheckIn, CheckInState, Origin
from agent.devices.energy import EnergyLoop
from agent.devices.evse_inputs import EvseDevices, EvseInputs, Readings
from agent.devices.health import Health
from agent.devices.outputs import GAP_S, Outputs
from agent.devices.screens import Screens
from agent.journal.store import Journal
from agent.kernel.authoriser import Authoriser, ConfiguredTokens, Judged
from agent.kernel.clock import LocationClock
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.texts.catalogue import load
from agent.texts.formats import Language
from drivers.twin.clock import ManualClock
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec

UTC_MS = 1_795_000_000_000
POOL = PoolId("CCS300")
CODE = "483921"


def location(evses: int, ad_hoc: AdHocStart) -> ChargingLocation:
    """A location with one pool of equal EVSEs."""
    return equal_evses(evses, POOL, ad_hoc_start=ad_hoc)


@dataclass(slots=True)
class SmallSite:
    """A running site and what a test does with it."""

    clock: ManualClock
    twin: TwinSite
    runner: Runner
    journal: Journal
    health: Health
    readings: Readings

    async def wait(self, seconds: float) -> None:
        """Let time pass, and everything that follows from it."""
        await self.runner.idle()
        await self.clock.advance(seconds)
        await self.settled()

    async def settled(self) -> None:
        """Let every task have its turn until nothing moves any more, and outputs their next look."""
        await self.clock.advance(GAP_S)
        for _ in range(3):
            await self.clock.advance(0.001)
            await self.runner.idle()

    async def joins(self, phone: str, draw: int = 0) -> CheckIn:
        """Check in by page and return the CheckIn."""
        request = JoinQueue(pool=POOL, draw=draw, origin=Origin.PAGE, device=SubjectRef(phone))
        answer = await self.runner.ask(request)
        assert answer.step is not None
        await self.settled()
        return self.check_in(max(self.runner.site.check_ins))

    def check_in(self, check_in: CheckInId) -> CheckIn:
        """The CheckIn as it is now."""
        return self.runner.site.check_ins[check_in]

    def state(self, check_in: CheckIn) -> CheckInState:
        """The state of a CheckIn now."""
        return self.check_in(check_in.id).state

    def lamp(self, evse: int) -> tuple[str, str]:
        """Colour and waveform that the twin's lamp shows."""
        lamp = self._seen(evse)["lamp"]
        return lamp["colour"], lamp["waveform"]

    def words(self, evse: int) -> str:
        """What the twin's display says, all languages in a line."""
        return " / ".join(" ".join(face["text"]) for face in self._seen(evse)["screen"]["faces"])

    def bars(self, evse: int) -> set[int | None]:
        """The levels that the twin's display draws."""
        return {face["bar_percent"] for face in self._seen(evse)["screen"]["faces"]}

    def energised(self, evse: int) -> bool:
        """Whether the twin's contactor is closed."""
        return bool(self._seen(evse)["energised"])

    def _seen(self, evse: int) -> dict[str, Any]:
        found: dict[str, Any] = next(e for e in self.twin.control.state()["evses"] if e["evse"] == evse)
        return found


@asynccontextmanager
async def small_site(
    directory: Path, *, evses: int = 2, ad_hoc: AdHocStart = AdHocStart.FREE, known: tuple[str, ...] = ("GOOD",)
) -> AsyncIterator[SmallSite]:
    """A site that has started and read its inputs; a second one on the same directory goes on where it ended."""
    clock = ManualClock()
    journal = open_journal(directory)
    here = location(evses, ad_hoc)
    twin = TwinSite(
        tuple(
            EvseSpec(
                evse=e.id,
                connectors=(ConnectorSpec(connector=1, standard="IEC_62196_T2_COMBO", power_w=150_000),),
            )
            for e in here.evses
        ),
        clock,
        directory / "twin.json",
    )
    time = LocationClock(clock, journal.last_elapsed_ms, lambda: UTC_MS + round(clock.monotonic() * 1000))
    boot = journal.last_boot + 1
    runner = Runner(site=replayed(journal), clock=time, journal=journal, boot=boot)
    whole = SmallSite(clock, twin, runner, journal, Health(), Readings())
    tasks = [asyncio.ensure_future(work) for work in (runner.run(), twin.run(), *_devices(whole, here, known))]
    runner.observe(LayoutRead(location=here, digest=f"{evses}{ad_hoc}"))
    runner.observe(Started(boot=boot))
    runner.observe(ClockRead(utc_ms=runner.now().utc_ms))
    await whole.settled()
    await runner.tell(InputsRead())
    await whole.settled()
    try:
        yield whole
    finally:
        for task in reversed(tasks):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        journal.close()
        for result in results:
            if isinstance(result, Exception):
                raise result


def _devices(whole: SmallSite, here: ChargingLocation, known: tuple[str, ...]) -> list[Coroutine[Any, Any, None]]:
    screens = Screens(
        load(),
        languages=(Language.EN, Language.DE),
        presence_code=lambda: CODE,
        check_in_url=lambda code: f"HTTP://10.42.0.1/{code}",
    )
    outputs = Outputs(
        runner=whole.runner, clock=whole.clock, health=whole.health, readings=whole.readings, screens=screens
    )
    tokens = {token: Judged(verdict=Verdict.ACCEPTED) for token in known}
    works: list[Coroutine[Any, Any, None]] = []
    for evse in here.evses:
        devices = EvseDevices(
            evse=evse.id,
            bay_sensor=whole.twin.bay_sensor(evse.id),
            charge_controller=whole.twin.charge_controller(evse.id),
            meter=whole.twin.meter(evse.id),
            token_reader=whole.twin.token_reader(evse.id),
            light=whole.twin.status_light(evse.id),
            display=whole.twin.display(evse.id),
        )
        inputs = EvseInputs(
            devices,
            runner=whole.runner,
            clock=whole.clock,
            health=whole.health,
            readings=whole.readings,
            authoriser=Authoriser([ConfiguredTokens(tokens, Judged(verdict=Verdict.INVALID))]),
            subjects=Subjects(whole.journal, SiteKey(bytes(32))),
        )
        works += [*inputs.tasks(), *outputs.tasks(devices)]
        assert devices.charge_controller is not None
        loop = EnergyLoop(
            evse.id, devices.charge_controller, runner=whole.runner, clock=whole.clock, health=whole.health
        )
        works.append(loop.run())
    return works
