"""A site with partners: a runner on a real journal, the registry, both carriages, and the schemas to hold them to."""

import asyncio
import base64
import hashlib
import io
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from aiohttp import ClientSession, web
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from shared_fixtures import replayed

from agent.config.link_types import Right, Role
from agent.core.forecast import forecast
from agent.core.inputs import BaySeen, ClockRead, InputsRead, LayoutRead, Started, Verdict
from agent.core.layout import ChargingLocation, ChargingPool, Connector, ConnectorId, Evse, EvseId, PoolId
from agent.core.shown import Waits
from agent.core.state import Bay
from agent.journal.store import Journal
from agent.kernel.authoriser import Judged
from agent.kernel.clock import LocationClock
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.storing import JournalPort
from agent.kernel.subjects import Subjects
from agent.partners import schemas
from agent.partners.context import PartnerContext, Shared, shared
from agent.partners.data_transfer import DataTransfers
from agent.partners.http import routes
from agent.partners.operations import Partners
from agent.partners.partner import Credentials, Partner, csms_partner
from agent.partners.strict_json import without_nulls
from agent.texts.catalogue import load
from drivers.twin.clock import ManualClock

UTC_MS = 1_795_611_600_000  # 2026-11-25T13:00:00Z
KEY = SiteKey(b"k" * 32)
CCS, AC = "IEC_62196_T2_COMBO", "IEC_62196_T2"
TOKENS = {"emp": "emp-token-0123456789", "oem": "oem-token-0123456789", "cpo": "cpo-token-0123456789"}


def location(*, queue_limit: int = 64) -> ChargingLocation:
    """Two DC EVSEs, the second accessible, and one AC EVSE in a pool of its own."""
    dc = Connector(id=ConnectorId(1), standard=CCS, max_power_w=300_000, dc=True, cable=True)
    ac = Connector(id=ConnectorId(1), standard=AC, max_power_w=22_000, dc=False, cable=False)
    return ChargingLocation(
        id="NORD",
        name="Rasthof Nord",
        country_code="DE",
        party_id="ABC",
        time_zone="Europe/Berlin",
        evses=(
            Evse(id=EvseId(1), label="1", connectors=(dc,), evse_id_emi3="DE*ABC*ENORD*1"),
            Evse(id=EvseId(2), label="2", connectors=(dc,), accessible=True),
            Evse(id=EvseId(3), label="3", connectors=(ac,)),
        ),
        pools=(
            ChargingPool(
                id=PoolId("CCS300"),
                names=(("en", "CCS"), ("de", "CCS")),
                evses=(EvseId(1), EvseId(2)),
                queue_limit=queue_limit,
            ),
            ChargingPool(id=PoolId("AC22"), names=(("en", "AC"), ("de", "AC")), evses=(EvseId(3),)),
        ),
        offsets=((0, 60),),
    )


def partner(name: str, role: Role = Role.EMSP, **changes: Any) -> Partner:
    """A partner with the usual rights of an EMP, and the token of its name."""
    token = hashlib.sha256(TOKENS.get(name, f"{name}-token-0123456789").encode()).digest()
    made = Partner(
        key=f"partner/{name}",
        name=name,
        role=role,
        country_code="DE",
        party_id=name.upper()[:3],
        rights=frozenset({Right.READ, Right.QUEUE, Right.BOOKING}),
        issuers=frozenset({f"DE{name.upper()[:3]}"}),
        token_sha256=token,
        hosts=frozenset({f"{name}.example"}),
    )
    return replace(made, **changes)


EMP, OEM = partner("emp"), partner("oem", Role.OEM)
CPO = partner("cpo", Role.CPO, issuers=None, rights=frozenset(Right))
SCSP = partner("scsp", Role.SCSP, rights=frozenset({Right.READ, Right.POWER}))
ALL = (EMP, OEM, CPO, SCSP)


def id_token(uid: str, issuer: str = "DEEMP") -> dict[str, str]:
    """A token as partners send it."""
    return {
        "country_code": issuer[:2],
        "party_id": issuer[2:],
        "uid": uid,
        "type": "RFID",
        "contract_id": f"{issuer}C{uid}",
    }


_NUMBERS = itertools.count(1)


def check_in(uid: str | None = None, **changes: Any) -> dict[str, Any]:
    """The body of a CheckIn with an id of its own."""
    number = next(_NUMBERS)
    body: dict[str, Any] = {
        "request_id": f"req-{number}",
        "location_id": "NORD",
        "pool_id": "CCS300",
        "tokens": [id_token(uid or f"UID{number}")],
    }
    return {**body, **changes}


@dataclass(slots=True)
class House:
    """The running parts; `verdicts` is what the authoriser will say, by id in small letters."""

    runner: Runner
    clock: ManualClock
    parts: Shared
    partners: Partners
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    forecasts: bool = True

    def waits(self) -> Waits:
        """Return a fresh forecast of the present site."""
        return forecast(self.runner.site, self.runner.now()) if self.forecasts else Waits()

    async def ask(self, who: Partner, operation: str, body: object) -> dict[str, Any]:
        """Ask the registry, check both ways against the schemas, and return the data of the answer."""
        reply = await self.partners.handle(who, operation, body)
        if reply.result not in ("BAD_REQUEST", "NOT_ALLOWED"):
            valid(f"{operation}Request", without_nulls(body))
        valid(f"{operation}Response", reply.envelope, is_envelope=True)
        data = reply.envelope.get("data")
        return data if isinstance(data, dict) else reply.envelope

    async def seen(self, evse: int, bay: Bay = Bay.OCCUPIED) -> None:
        """Let the bay sensor of an EVSE see something."""
        await self.runner.tell(BaySeen(evse=EvseId(evse), bay=bay))

    async def take_all(self) -> None:
        """Park a car in each DC bay, so that who comes has to wait."""
        for evse in (1, 2):
            await self.seen(evse)


@asynccontextmanager
async def house(
    journal: Journal,
    *,
    clock: ManualClock | None = None,
    layout: ChargingLocation | None = None,
    port: JournalPort | None = None,
    trusted: bool = True,
) -> AsyncIterator[House]:
    """Start a site on a journal, as after a boot: inputs read, all bays free."""
    time = ManualClock() if clock is None else clock
    site = replayed(journal)
    zero_s = time.monotonic()

    def wall() -> int:
        return UTC_MS + journal.last_elapsed_ms + round((time.monotonic() - zero_s) * 1000)

    location_clock = LocationClock(time, journal.last_elapsed_ms, wall if trusted else lambda: None)
    boot = journal.last_boot + 1
    runner = Runner(site=site, clock=location_clock, journal=port or journal, boot=boot)
    task = asyncio.ensure_future(runner.run())
    here = location() if layout is None else layout
    runner.observe(LayoutRead(location=here, digest=repr(here)))
    runner.observe(Started(boot=boot))
    runner.observe(ClockRead(utc_ms=runner.now().utc_ms))
    for evse in here.evses:
        runner.observe(BaySeen(evse=evse.id, bay=Bay.FREE))
    await runner.tell(InputsRead())
    verdicts: dict[str, Verdict] = {}

    async def judge(uid: str, kind: str) -> Judged:
        del kind
        return Judged(verdict=verdicts.get(uid.casefold(), Verdict.ACCEPTED))

    draws = itertools.count(7)
    found: list[House] = []
    context = PartnerContext(
        runner=runner,
        journal=journal,
        catalogue=load(),
        key=KEY,
        subjects=Subjects(journal, KEY),
        judge=judge,
        waits=lambda: found[0].waits(),
        monotonic=time.monotonic,
        wall_ms=lambda: UTC_MS,
        draw=lambda: next(draws) * 7_919,
    )
    parts = shared(context)
    made = House(runner=runner, clock=time, parts=parts, partners=Partners(parts), verdicts=verdicts)
    found.append(made)
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def served(made: House) -> AsyncIterator["Client"]:
    """Serve the site's routes on loopback."""
    app = web.Application()
    app.add_routes(routes(made.partners, Credentials(ALL)))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield Client(session=session)
    await runner.cleanup()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The envelope."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Client:
    """A partner's HTTP client."""

    session: ClientSession

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = TOKENS["emp"],
        body: object = None,
        data: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a path below /sequere with a token."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Token {base64.b64encode(token.encode()).decode()}"
        content: Any = json.dumps(body).encode() if data is None and body is not None else data
        if isinstance(content, bytes) and len(content) > 1 << 20:
            content = io.BytesIO(content)
        async with self.session.request(
            method, f"/sequere{path}", data=content, headers=sent, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers.copy(), await response.text())


def transfers(made: House) -> DataTransfers:
    """The DataTransfer carriage of the CSMS."""
    return DataTransfers(made.partners, csms_partner("DE", "ABC"))


# --- the schemas


@cache
def _registry() -> Registry[Any]:
    found: Registry[Any] = Registry()
    for name in schemas.names():
        content = json.loads(schemas.schema(name) or b"{}")
        found = found.with_resource(content["$id"], Resource.from_contents(content))
    return found


@cache
def _validator(name: str) -> Draft202012Validator:
    content = json.loads(schemas.schema(name) or b"")
    return Draft202012Validator(content, registry=_registry(), format_checker=FormatChecker())


@cache
def _envelope() -> Draft202012Validator:
    where = json.loads(schemas.schema("common") or b"")["$id"] + "#/$defs/envelope"
    return Draft202012Validator({"$ref": where}, registry=_registry(), format_checker=FormatChecker())


def valid(name: str, document: Any, *, is_envelope: bool = False) -> None:
    """Hold a document to a schema, an answer also to the envelope's."""
    if is_envelope:
        _envelope().validate(document)
        document = document.get("data")
        if document is None:
            return
    _validator(name).validate(document)


def is_valid(name: str, document: Any) -> bool:
    """Return whether a document obeys a schema."""
    return bool(_validator(name).is_valid(document))


def without_time(envelope: dict[str, Any]) -> dict[str, Any]:
    """Return an envelope without its timestamp."""
    return {name: value for name, value in envelope.items() if name != "timestamp"}
