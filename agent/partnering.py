"""The partners of a site put together: the one registry on both carriages, and what is pushed to them.

Part of the composition root; used by `app.py` alone.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec
from aiohttp import web

from agent.config.types import Config
from agent.core.layout import CheckInId, EvseId
from agent.core.shown import Waits
from agent.csms.v16.build import Csms16
from agent.csms.v16.desk import Vendor
from agent.journal.store import Journal
from agent.kernel.authoriser import Authoriser
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.ocpp.effects import Answered, Lost, NotSent, Refused, TimedOut
from agent.partners.calls import HttpCalls
from agent.partners.context import PartnerContext, shared
from agent.partners.data_transfer import VENDOR_ID, DataTransfers
from agent.partners.http import routes
from agent.partners.operations import Partners
from agent.partners.partner import Credentials, csms_partner, partner_of
from agent.partners.push import Push
from agent.texts.catalogue import Catalogue
from drivers.ports import Clock

ENABLED_KEY = "SeQueReEnabled"
LINK_LOOK_S = 1.0  # how soon the CSMS's return is noticed


class Partnering:
    """The partners of the configuration, and the CSMS as one of them."""

    def __init__(
        self,
        config: Config,
        *,
        runner: Runner,
        journal: Journal,
        catalogue: Catalogue,
        key: SiteKey,
        subjects: Subjects,
        authoriser: Authoriser,
        waits: Callable[[], Waits],
        clock: Clock,
        station: Csms16 | None,
    ) -> None:
        """Read what is stored of them; blocks. Raise PartnerUnusable for one whose secret cannot be read."""
        context = PartnerContext(
            runner=runner,
            journal=journal,
            catalogue=catalogue,
            key=key,
            subjects=subjects,
            judge=authoriser.judge,
            waits=waits,
            monotonic=time.monotonic,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            draw=lambda: secrets.randbits(32),
        )
        parts = shared(context)
        people = [partner_of(settings) for settings in config.partner]
        self._partners = Partners(parts)
        self._people = people
        self._public_url = config.web.public_url
        self._station = station
        self._csms = csms_partner(config.location.country_code, config.location.party_id)
        self._is_greeted = False  # whether the CSMS was sent the whole queue, or will be next, since its link came up
        by_csms = None if station is None else (self._csms, self._send)
        self._push = Push(parts, people, HttpCalls(lambda: int(time.time())), clock, random.random, csms=by_csms)

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes under /sequere/; none on a site without partners."""
        if not self._people:
            return ()
        return tuple(routes(self._partners, Credentials(self._people), self._public_url))

    def vendors(self) -> Mapping[str, Vendor]:
        """Return who answers the CSMS's DataTransfer calls."""
        return {VENDOR_ID: DataTransfers(self._partners, self._csms, enabled=self._enabled).vendor}

    def was_shown(self, check_in: CheckInId, evse: EvseId) -> bool:
        """Return whether a partner's app shows that somebody is called to an EVSE."""
        return self._push.was_shown(check_in, evse)

    def works(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what runs for as long as the agent does: pushing what changes, and noticing that the CSMS is back."""
        return (self._push.run(), self._watch_link())

    async def _watch_link(self) -> None:
        """After an outage, and when SeQueRe is switched on, the CSMS gets the whole queue first."""
        while True:
            if not self._is_up():
                self._is_greeted = False
            elif not self._is_greeted:
                self._greet()
            await asyncio.sleep(LINK_LOOK_S)

    def _is_up(self) -> bool:
        return self._station is not None and self._enabled() and self._station.link.online

    def _greet(self) -> None:
        self._is_greeted = True
        self._push.link_up()

    def _enabled(self) -> bool:
        return self._station is not None and self._station.station.keys.flag(ENABLED_KEY)

    async def _send(self, message_id: str, data: str) -> tuple[str, str | None]:
        """Send a DataTransfer to the CSMS; ConnectionError or TimeoutError when it did not take it."""
        if self._station is None or not self._is_up():
            self._is_greeted = False
            raise ConnectionError("SeQueRe is not enabled for this CSMS, or there is no line to it")
        if not self._is_greeted:
            # A try that comes between the link's return and its notice would overtake the whole queue.
            self._greet()
            raise ConnectionError("the link is new: the whole queue goes first")
        payload = {"vendorId": VENDOR_ID, "messageId": message_id, "data": data}
        match await self._station.link.ask("DataTransfer", payload):
            case Answered(payload=answer):
                told = answer.get("data")
                text = told if told is None or isinstance(told, str) else msgspec.json.encode(told).decode()
                return str(answer.get("status", "Rejected")), text
            case Refused(code=code) if code in ("NotSupported", "NotImplemented"):
                return "NotSupported", None
            case NotSent() | Lost():
                self._is_greeted = False
                raise ConnectionError("no line to the CSMS")
            case TimedOut():
                raise TimeoutError("the CSMS did not answer")
            case _:
                return "Rejected", None
