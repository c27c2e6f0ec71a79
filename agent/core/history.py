"""What a location has learned of how long stays last: the last 500 of each kind of connector.

Pure. A kind is the connector's standard and power class: figures of mixed outlets of one site are worse than either
(`queue-science.md` section 1). Where few stays are known, the bundled prior stands in for the missing ones.
"""

from dataclasses import dataclass
from typing import NewType

from agent.core.layout import Connector
from agent.core.prior import PRIOR
from agent.core.stays import StayClass, StayTable, stay_class

StayKind = NewType("StayKind", str)

UNKNOWN_KIND = StayKind("unknown/ac")  # of an EVSE that is not in the layout any more
KEPT = 500  # more changes nothing, and drift of up to 16 % between the halves of real data speaks for few
PRIOR_STAYS = 60  # so many stays of its own, and a site needs the prior no more
LONGEST_S = 48 * 3600  # what stands longer is no charging stay
SHORTEST_S = 60  # a plug that was pulled again
_CLASSES = {c.value: c for c in StayClass}
_STEPS = 64  # quantiles of a table, as many as the prior has
_LEAST_STEP_MIN = 0.001  # a table must ascend, and whole minutes are often equal


@dataclass(frozen=True, slots=True)
class StayHistory:
    """The last stays of one kind in seconds, oldest first, and the distribution that follows from them."""

    seconds: tuple[int, ...]
    table: StayTable


def stay_kind(connector: Connector) -> StayKind:
    """Return the kind of stays at a connector."""
    return StayKind(f"{connector.standard}/{stay_class(connector).value}")


def history(kind: StayKind, seconds: tuple[int, ...]) -> StayHistory:
    """Return the history of a kind from its stays, oldest first; only the last 500 count."""
    kept = seconds[-KEPT:]
    return StayHistory(kept, _table(prior_of(kind), kept))


def prior_of(kind: StayKind) -> StayTable:
    """Return what is assumed of a kind before anything was learned; of an unknown class, the slowest."""
    return PRIOR[_CLASSES.get(kind.rpartition("/")[2], StayClass.AC)]


def _table(prior: StayTable, seconds: tuple[int, ...]) -> StayTable:
    """Return the quantiles of the stays, with samples of the prior in place of those that are missing."""
    own = [s / 60 for s in seconds]
    missing = PRIOR_STAYS - len(own)
    if missing > 0:
        own += prior.samples(missing)
    own.sort()
    last = len(own) - 1
    quantiles: list[float] = []
    for step in range(_STEPS + 1):
        at = step / _STEPS * last
        low = min(int(at), last - 1)
        value = own[low] + (own[low + 1] - own[low]) * (at - low)
        quantiles.append(max(value, quantiles[-1] + _LEAST_STEP_MIN) if quantiles else value)
    return StayTable(quantiles_min=tuple(quantiles), tail_min=max(own[last // 2], 1.0))
