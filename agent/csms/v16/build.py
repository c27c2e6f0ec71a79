"""An OCPP 1.6 station put together: what the composition root needs to know of it.

Order: build `Csms16`, give its `projection` to the runner, `attach` it to that, add `tokens` to the authoriser, `run`.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.core.inputs import TransactionRefused
from agent.core.layout import EvseId, SubjectRef
from agent.core.shown import NO_READINGS, Readings
from agent.core.state import Site
from agent.csms.back_off import BackOff
from agent.csms.connection import Endpoint
from agent.csms.v16.backlog import Backlog
from agent.csms.v16.delivery import Delivery, OwedRows, Surroundings, Verdict
from agent.csms.v16.desk import Counter, Hardware, SiteDesk, Vendor, statuses
from agent.csms.v16.link import CsmsLink, Wiring
from agent.csms.v16.projection import OWING, Kept, OwedTransactions, kept_at
from agent.csms.v16.sampling import Sampling
from agent.csms.v16.stores import Records, Stores
from agent.csms.v16.tokens import CsmsTokens
from agent.journal.turn import Write
from agent.kernel.authoriser import Authoriser
from agent.kernel.clock import LocationClock
from agent.kernel.inbox import Conclusion
from agent.kernel.outside import Outside
from agent.kernel.runner import Published, Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.ocpp.v16.station import Box, Station
from agent.ocpp.v16.types import AuthorizationStatus
from drivers.ports import Clock

AD_HOC_ID_TOKEN = "ADHOC"  # for transactions without an IdToken, unless the policy names one


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the configuration says of the CSMS and the station."""

    endpoint: Endpoint
    box: Box
    connectors: int
    plug_timeout_s: int = 120
    password: bytes | None = field(default=None, repr=False)
    first_keys: Mapping[str, str] = field(default_factory=dict)
    ad_hoc_id_token: str = AD_HOC_ID_TOKEN
    back_off: BackOff = field(default_factory=BackOff)
    pings: bool = True

    @property
    def facts(self) -> dict[str, str]:
        """What the keys tell of this station."""
        secured = self.endpoint.url.startswith("wss:")
        profile = 0 if self.password is None else 2 if secured else 1
        return {
            "NumberOfConnectors": str(self.connectors),
            "ConnectionTimeOut": str(self.plug_timeout_s),
            "SecurityProfile": str(profile),
        }


class Csms16:
    """One OCPP 1.6 station of the agent."""

    def __init__(self, settings: Settings, records: Records, key: SiteKey, site: Site) -> None:
        """Read what is stored beside the events that led to `site`; blocks."""
        self._settings = settings
        self._stores = Stores(records)
        self._key_of = lambda id_tag: key.lookup("token", id_tag.casefold()).hex()
        self.station = Station(
            box=settings.box,
            connectors=settings.connectors,
            key_of=self._key_of,
            keys=self._stores.keys(settings.first_keys, settings.facts),
            local=self._stores.local_list(),
            cache=self._stores.cache(),
        )
        self._backlog = Backlog()
        self._sampling = Sampling(_message_id, lambda: self.station.keys, lambda: self._backlog.room)
        owed = OwedTransactions(_message_id, self._sampling.after, lambda fact: self.delivery.final(fact))
        self.projection = (owed, kept_at(site, self._stores.transactions(), self._stores.clock_map()))
        self.link: CsmsLink
        self.delivery: Delivery
        self.tokens: CsmsTokens
        self._runner: Runner
        self._rows: OwedRows
        self._kept: Callable[[], Kept]

    def attach(
        self,
        runner: Runner,
        place: int,
        *,
        clock: Clock,
        elapsed: LocationClock,
        rows: OwedRows,
        subjects: Subjects,
        set_clock: Callable[[int], None],
        outside: Outside | None = None,
    ) -> None:
        """Join the station to its runner, whose projection number `place` is ours."""
        self._runner = runner

        def kept() -> Kept:
            found = runner.projected(place)
            if not isinstance(found, Kept):
                raise TypeError(f"projection {place} of the runner is not that of the CSMS")
            return found

        self._kept = kept
        self._rows = rows
        surroundings = Surroundings(
            rows=rows,
            store=runner.store,
            judged=self._judged,
            subject_value=lambda ref: subjects.value(SubjectRef(ref)),
            keys=lambda: self.station.keys,
            clock=lambda: kept().clock,
            sampling=self._sampling,
            ad_hoc_id_token=self._settings.ad_hoc_id_token,
        )
        self.delivery = Delivery(surroundings, self._stores.transaction_ids())
        wiring = Wiring(
            endpoint=self._settings.endpoint,
            clock=clock,
            elapsed=elapsed,
            store=runner.store,
            set_clock=set_clock,
            new_id=_message_id,
            chance=random.random,
            password=self._settings.password,
            pings=self._settings.pings,
            back_off=self._settings.back_off,
            outside=outside or Outside(),
        )
        self.link = CsmsLink(wiring, self.station, self._stores, self.delivery)
        self.tokens = CsmsTokens(self.link, lambda: runner.now().utc_ms, lambda: self._backlog.full)
        runner.listen(self._published)

    async def run(
        self,
        *,
        subjects: Subjects,
        authoriser: Authoriser,
        hardware: Hardware,
        vendors: Mapping[str, Vendor],
        readings: Callable[[], Readings] = lambda: NO_READINGS,
    ) -> None:
        """Live until cancelled."""
        counter = Counter(
            runner=self._runner,
            subjects=subjects,
            authoriser=authoriser,
            hardware=hardware,
            delivery=self.delivery,
            key_of=self._key_of,
            keys=lambda: self.station.keys,
            readings=readings,
            vendors=vendors,
            sampling=self._sampling,
            backlog=self._backlog,
            transactions=lambda: self._kept().transactions,
            owed_counts=self._rows.owed_counts,
        )
        for connector_id, status in statuses(self._runner.site, readings()).items():
            self.link.show(connector_id, status)
        await self.link.run(SiteDesk(counter))

    def _published(self, published: Published) -> None:
        """After each durable turn: what is owed, and what is shown."""
        if any(isinstance(event, OWING) for event in published.events):
            kept = self._kept()
            self._sampling.kept(kept.spilled, kept.transactions)
            self.link.owed()
        if published.events:
            for connector_id, status in statuses(published.site).items():
                self.link.show(connector_id, status)

    async def _judged(self, verdict: Verdict, writes: tuple[Write, ...]) -> None:
        """Tell the core of a refused start, in the commit of the rows; remember what was said of the id."""
        more: tuple[Write, ...] = ()
        if verdict.id_tag is not None and verdict.id_tag != self._settings.ad_hoc_id_token:
            more = self._stores_noted(verdict)
        rows = (*writes, *more)
        accepted = verdict.info.status is AuthorizationStatus.ACCEPTED
        if accepted or not verdict.start or verdict.subject is None:
            await self._runner.store(rows)
            return
        refused = TransactionRefused(evse=EvseId(verdict.connector_id), subject=SubjectRef(verdict.subject))
        await self._runner.tell(refused, lambda _step, _now: Conclusion(None, rows))

    def _stores_noted(self, verdict: Verdict) -> tuple[Write, ...]:
        now_ms = self._runner.now().elapsed_ms
        deeds = self.station.noted(verdict.id_tag or "", verdict.info, now_ms)
        return self._stores.writes(self.station.cache) if deeds else ()


def _message_id() -> str:
    """A message id that was never used before, also not by a journal that lost its tail: 128 random bits."""
    return secrets.token_hex(16)
