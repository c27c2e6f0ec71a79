"""The figures of a site in the text format of Prometheus.

Reads views and counters, in a thread; decides nothing. Loaded when the figures are asked for the first time: a site
that nobody scrapes saves the library's memory.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.core.board import pool_views
from agent.core.views import evse_views
from agent.web.guard import Guard
from agent.web.parts import Parts
from agent.web.sockets import Sockets
from agent.web.streams import Streams


def figures(parts: Parts, guard: Guard, sockets: Sockets, streams: Streams) -> bytes:
    """Return all figures as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(parts, guard, sockets, streams))
    return generate_latest(registry)


class _Figures(Collector):
    """The figures of a site at the moment they are asked for."""

    def __init__(self, parts: Parts, guard: Guard, sockets: Sockets, streams: Streams) -> None:
        self._parts = parts
        self._guard = guard
        self._sockets = sockets
        self._streams = streams

    def collect(self) -> Iterable[Metric]:
        """Return all figures. Called in a thread: reads immutable state and counters only."""
        parts = self._parts
        site, now, context = parts.site, parts.now(), parts.context
        waiting = GaugeMetricFamily("stationmaster_queue_length", "People in line, not called yet", labels=["pool"])
        free = GaugeMetricFamily("stationmaster_evses_free", "EVSEs a newcomer would get at once", labels=["pool"])
        for view in pool_views(site, now, context.waits()):
            waiting.add_metric([view.pool], view.queue_length)
            free.add_metric([view.pool], view.evses_free)
        states = GaugeMetricFamily("stationmaster_evse_state", "What each EVSE shows", labels=["evse", "state"])
        power = GaugeMetricFamily("stationmaster_evse_power_watts", "Power as metered", labels=["evse"])
        for bay in evse_views(site, now, context.readings):
            states.add_metric([str(bay.evse), bay.state.value], 1)
            if bay.power_w is not None:
                power.add_metric([str(bay.evse)], bay.power_w)
        devices = GaugeMetricFamily("stationmaster_device_ok", "Whether a device answers", labels=["device"])
        for name, row in context.health().items():
            devices.add_metric([name], int(row.ok))
        yield from (waiting, free, states, power, devices)
        for name, about, value in self._plain(now.utc_ms is not None):
            yield GaugeMetricFamily(f"stationmaster_{name}", about, value=value)

    def _plain(self, trusted: bool) -> Iterable[tuple[str, str, float]]:
        context = self._parts.context
        yield "clock_trusted", "Whether the wall clock is trusted", trusted
        yield "paused", "Whether the agent is in safe mode and the queue paused", self._parts.site.paused
        yield "storage_failing", "Whether promises are kept only while the power is on", context.runner.provisional
        yield "journal_events", "Sequence number of the last durable event", context.journal.head
        yield "web_sockets", "Open sockets", len(self._sockets)
        yield "web_sockets_turned_away", "Sockets cut off because there were too many", self._sockets.turned_away
        yield "web_streams", "Open event streams", len(self._streams)
        yield "web_requests_turned_away", "Requests refused at the gate", self._guard.refused
