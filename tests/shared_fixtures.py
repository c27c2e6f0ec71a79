"""What many tests begin with: a location of equal EVSEs, a journal of the core's events, and a disk that can break."""

from collections.abc import Awaitable, Iterable
from pathlib import Path

from agent.core.evolve import APPLY
from agent.core.layout import ChargingLocation, ChargingPool, Connector, ConnectorId, Evse, EvseId, Policy, PoolId
from agent.core.state import Site
from agent.journal.codec import Codec
from agent.journal.errors import StorageFailed
from agent.journal.store import Journal
from agent.journal.turn import Turn
from agent.kernel.replay import replay

CCS_CABLE = Connector(id=ConnectorId(1), standard="IEC_62196_T2_COMBO", max_power_w=150_000, dc=True, cable=True)


def equal_evses(count: int, pool: PoolId, connector: Connector = CCS_CABLE, **policy: object) -> ChargingLocation:
    """A location with one pool of equal EVSEs, with one connector each."""
    ids = tuple(EvseId(n) for n in range(1, count + 1))
    return ChargingLocation(
        id="NORD",
        name="Rasthof Nord",
        country_code="DE",
        party_id="ABC",
        time_zone="UTC",
        evses=tuple(Evse(id=e, label=str(e), connectors=(connector,)) for e in ids),
        pools=(ChargingPool(id=pool, names=(("en", str(pool)), ("de", str(pool))), evses=ids),),
        policy=Policy(**policy),  # type: ignore[arg-type]
    )


def open_journal(directory: Path, *, second: Path | None = None) -> Journal:
    """The journal of the core's events."""
    return Journal.open(directory, Codec(APPLY), second=second)


def replayed(journal: Journal) -> Site:
    """The state a journal leads to."""
    site, _ = replay(journal)
    return site


class FailingJournal:
    """A journal whose disk can be broken and mended by the test."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.broken = False

    @property
    def head(self) -> int:
        """The head of the journal behind."""
        return self._journal.head

    def append(self, turn: Turn) -> Awaitable[int]:
        """Append, or fail as a dying disk does."""
        return self._failed() if self.broken else self._journal.append(turn)

    async def snapshot(self, events: Iterable[object], head: int) -> None:
        """Keep a snapshot in the journal behind."""
        await self._journal.snapshot(events, head)

    async def _failed(self) -> int:
        raise StorageFailed("cannot write: the test broke the disk")
