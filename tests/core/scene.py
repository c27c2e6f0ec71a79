"""A small site to tell stories with: what comes in, one after the other, on a clock that only the story moves."""

from collections.abc import Iterable

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
from agent.core.site import step
from agent.core.state import Bay, Origin, Site, Wishes

CCS = "IEC_62196_T2_COMBO"
CHADEMO = "CHADEMO"
ONE = ConnectorId(1)
START_UTC_MS = 1_790_586_000_000  # Monday 2026-09-28 09:00 UTC
MINUTE = 60_000


def evse(number: int, *, power_w: int = 150_000, standard: str = CCS, accessible: bool = False) -> Evse:
    """Return an EVSE with one DC cable; its bay's label is its number."""
    connector = Connector(id=ONE, standard=standard, max_power_w=power_w, dc=True, cable=True)
    return Evse(id=EvseId(number), label=str(number), connectors=(connector,), accessible=accessible)


def pool(name: str, evses: Iterable[int], *, opening: tuple[OpenRange, ...] = (), limit: int = 64) -> ChargingPool:
    """Return a pool of these EVSEs."""
    ids = tuple(EvseId(e) for e in evses)
    return ChargingPool(id=PoolId(name), names=(("en", name),), evses=ids, opening=opening, queue_limit=limit)


def location(evses: Iterable[Evse], pools: Iterable[ChargingPool], **policy: object) -> ChargingLocation:
    """Return a location at UTC; charging is free unless the policy says otherwise."""
    chosen = Policy(**{"ad_hoc_start": AdHocStart.FREE, **policy})  # type: ignore[arg-type]
    return ChargingLocation(
        id="NORD",
        name="Nord",
        country_code="DE",
        party_id="ABC",
        time_zone="UTC",
        evses=tuple(evses),
        pools=tuple(pools),
        policy=chosen,
    )


class Scene:
    """A running site and its clock; every input is one second after the last."""

    def __init__(self, layout: ChargingLocation, *, trusted: bool = True, free: bool = True) -> None:
        self.site = Site()
        self.elapsed_ms = 0
        self.trusted = trusted
        self.refused: i.Refused | None = None
        self.do(i.LayoutRead(location=layout, digest="1"))
        self.do(i.Started(boot=1))
        self.do(i.InputsRead())
        if trusted:
            self.do(i.ClockRead(utc_ms=START_UTC_MS + self.elapsed_ms + 1000))
        if free:
            for one in layout.evses:
                self.do(i.BaySeen(evse=one.id, bay=Bay.FREE))

    @property
    def now(self) -> Now:
        """The present instant."""
        return Now(self.elapsed_ms, START_UTC_MS + self.elapsed_ms if self.trusted else None)

    def do(self, given: i.Input, after_ms: int = 1000) -> None:
        """Let something come in, a second later unless said."""
        self.elapsed_ms += after_ms
        outcome = step(self.site, given, self.now)
        self.site, self.refused = outcome.site, outcome.refused

    def wait(self, ms: int) -> None:
        """Let time pass, and let happen what follows by itself."""
        self.do(i.FaultSeen(evse=None, code="none", active=False), ms)

    def join(self, name: str = "A", *, wishes: Wishes | None = None, subject: str | None = None) -> CheckInId:
        """Check in anonymously, or with the IdToken of a subject; return the id."""
        who = CheckInId(self.site.next_check_in)
        subjects = () if subject is None else (SubjectRef(subject),)
        device = SubjectRef(f"device-{who}")
        self.do(
            i.JoinQueue(
                pool=PoolId(name),
                draw=int(who),
                origin=Origin.PAGE,
                subjects=subjects,
                device=device,
                wishes=wishes or Wishes(),
            )
        )
        return who

    def occupy(self, number: int) -> None:
        """A car drives into a bay."""
        self.do(i.BaySeen(evse=EvseId(number), bay=Bay.OCCUPIED))

    def leave(self, number: int) -> None:
        """The car drives off."""
        self.do(i.BaySeen(evse=EvseId(number), bay=Bay.FREE))

    def plug(self, number: int) -> None:
        """A car is plugged in."""
        self.do(i.PluggedIn(evse=EvseId(number), connector=ONE))

    def unplug(self, number: int, register_wh: int | None = None) -> None:
        """The plug is pulled."""
        self.do(i.Unplugged(evse=EvseId(number), register_wh=register_wh))

    def card(self, number: int, subject: str, verdict: i.Verdict = i.Verdict.ACCEPTED) -> None:
        """A card is held to the reader of an EVSE."""
        self.do(i.TokenPresented(evse=EvseId(number), subject=SubjectRef(subject), verdict=verdict, draw=99))

    def energise(self, number: int, register_wh: int | None = 1000) -> None:
        """The contactor closes."""
        self.do(i.ContactorSeen(evse=EvseId(number), energised=True, register_wh=register_wh))

    def charge(self, number: int, subject: str = "somebody") -> None:
        """Somebody drives in with a card and charges."""
        self.occupy(number)
        self.plug(number)
        self.card(number, subject)
        self.energise(number)

    def fault(self, number: int | None, code: str = "GroundFailure", *, active: bool = True) -> None:
        """A fault comes or goes."""
        self.do(i.FaultSeen(evse=None if number is None else EvseId(number), code=code, active=active))


def three(**policy: object) -> ChargingLocation:
    """Three equal EVSEs in one pool A."""
    return location([evse(1), evse(2), evse(3)], [pool("A", [1, 2, 3])], **policy)


def single(**policy: object) -> ChargingLocation:
    """One EVSE in one pool A."""
    return location([evse(1)], [pool("A", [1])], **policy)


def busy() -> Scene:
    """One EVSE, and somebody charges there."""
    scene = Scene(single())
    scene.charge(1)
    return scene
