"""What is known of how long an EVSE is in use: the stays of its kind of connector, learned here or assumed.

Pure. Shared by the forecast, which samples, and by the admission before bookings, which sums exactly: both must mean
the same by "how long".
"""

from collections.abc import Mapping

from agent.core.history import StayKind, prior_of, stay_kind
from agent.core.layout import Connector, EvseId
from agent.core.state import Site
from agent.core.stays import StayTable

CHANGEOVER_MIN = 2.0  # from the call, or a departure, to the next plug: the reference simulator's figure

Tables = Mapping[StayKind, StayTable]


def table_of(site: Site, connector: Connector) -> StayTable:
    """Return how long stays last at a connector: as learned here, else as assumed."""
    kind = stay_kind(connector)
    known = site.learned.get(kind)
    return prior_of(kind) if known is None else known.table


def tables_of(site: Site) -> Tables:
    """Return the tables of all kinds of connectors of a location."""
    connectors = [c for e in site.location.evses for c in e.connectors] if site.location else []
    return {stay_kind(c): table_of(site, c) for c in connectors}


def used_connector(site: Site, evse: EvseId) -> Connector | None:
    """Return the connector that is plugged or held at an EVSE, or its strongest; None for an unknown EVSE."""
    layout, hold = site.layout_of(evse), site.holds.get(evse)
    if layout is None:
        return None
    plugged = site.evse(evse).plugged
    used = plugged if plugged is not None else hold.connector if hold else None
    known = [c for c in layout.connectors if c.id == used] or list(layout.connectors)
    return max(known, key=lambda c: c.max_power_w)
