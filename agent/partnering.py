"""The partners of a site put together: the one registry on both carriages, and what is pushed to them.

Part of the composition root; used by `app.py` alone.
"""

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
from agent.kernel.outside import Outside
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.ocpp.effects import Answered, Lost, NotSent, Refused, TimedOut
from agent.partners.calls import HttpCalls
from agent.partners.context import PartnerContext, shared
from agent.partners.data_transfer import DataTransfers
from agent.partners.http import routes
from agent.partners.operations import Partners
from agent.partners.partner import Credentials, csms_partner, partner_of
from agent.partners.push import Push
from agent.texts.catalogue import Catalogue
from drivers.ports import Clock

ENABLED_KEY = "SeQueReEnabled"
TOLD_ONE_BY_ONE = "sequere"  # the lane to the CSMS sends the next message after the end of the last


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
        outside: Outside,
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
        self._csms = csms_partner(config.location.country_code, config.location.party_id, config.csms.sequere_role)
        self._vendor_id = config.csms.sequere_vendor_id
        self._greeted: int | None = None  # the connection on which the CSMS gets, or got, the whole queue first
        by_csms = None if station is None else (self._csms, self._send)
        calls = HttpCalls(lambda: int(time.time()), outside=outside)
        self._push = Push(parts, people, calls, clock, random.random, csms=by_csms)
        if station is not None:
            station.link.listen(self._look)

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes under /sequere/; none on a site without partners."""
        if not self._people:
            return ()
        return tuple(routes(self._partners, Credentials(self._people), self._public_url))

    def vendors(self) -> Mapping[str, Vendor]:
        """Return who answers the CSMS's DataTransfer calls."""
        return {self._vendor_id: DataTransfers(self._partners, self._csms, enabled=self._enabled).vendor}

    def was_shown(self, check_in: CheckInId, evse: EvseId) -> bool:
        """Return whether a partner's app shows that somebody is called to an EVSE."""
        return self._push.was_shown(check_in, evse)

    def work(self) -> Coroutine[Any, Any, None]:
        """Return what runs for as long as the agent does: pushing what changes."""
        return self._push.run()

    def _look(self) -> None:
        """Each new connection to the CSMS is the end of an outage, however short; so is switching SeQueRe on."""
        line = self._line()
        if line != self._greeted:
            self._greeted = line
            if line is not None:
                self._push.link_up()

    def _line(self) -> int | None:
        """Return the number of the connection on which the CSMS takes SeQueRe now, or None."""
        if self._station is None or not self._enabled() or not self._station.link.online:
            return None
        return self._station.link.connections

    def _enabled(self) -> bool:
        return self._station is not None and self._station.station.keys.flag(ENABLED_KEY)

    async def _send(self, message_id: str, data: str) -> tuple[str, str | None]:
        """Send a DataTransfer to the CSMS; ConnectionError or TimeoutError when it did not take it."""
        if self._station is None or self._line() is None:
            raise ConnectionError("SeQueRe is not enabled for this CSMS, or there is no line to it")
        payload = {"vendorId": self._vendor_id, "messageId": message_id, "data": data}
        match await self._station.link.tell("DataTransfer", payload, TOLD_ONE_BY_ONE):
            case Answered(payload=answer):
                told = answer.get("data")
                text = told if told is None or isinstance(told, str) else msgspec.json.encode(told).decode()
                return str(answer.get("status", "Rejected")), text
            case Refused(code=code) if code in ("NotSupported", "NotImplemented"):
                return "NotSupported", None
            case NotSent() | Lost():
                raise ConnectionError("no line to the CSMS")
            case TimedOut():
                raise TimeoutError("the CSMS did not answer")
            case _:
                return "Rejected", None
