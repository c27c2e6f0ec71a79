"""Keeps input tasks running: restarts a lost device with back-off, and never lets one device stop another."""

import asyncio
from collections.abc import Awaitable, Callable

from agent.devices.health import Health
from drivers.ports import Clock, DeviceError

BACK_OFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)  # a bus that comes back is used again within half a minute
STEADY_S = 60.0  # after running this long a device starts again at the first back-off


async def supervise(name: str, run: Callable[[], Awaitable[None]], health: Health, clock: Clock) -> None:
    """Run a device's task for ever; `run` ends only by DeviceError or cancellation."""
    health.expect(name, clock.monotonic())
    failures = 0
    while True:
        began_s = clock.monotonic()
        try:
            await run()
            trouble = f"{name}: its task ended by itself: report this to the driver's author"
        except DeviceError as error:
            trouble = str(error)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            trouble = f"{name}: the driver failed with {error!r}: report this to its author"
        now_s = clock.monotonic()
        health.lost(name, trouble, now_s)
        failures = 0 if now_s - began_s >= STEADY_S else failures + 1
        await clock.until(now_s + BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1 if failures else 0])
