"""What partners read: POI data and their own check-ins, in pages (`sequere.md` 3.8).

Reads the present Site. Changes nothing, stores nothing, needs no request_id.
"""

from collections.abc import Sequence
from typing import Any

from agent.partners.context import Shared
from agent.partners.messages import GetCheckInsRequest, GetLocationsRequest
from agent.partners.partner import Partner
from agent.partners.results import ACCEPTED, KIND_OF, Reply, bare, envelope

Read = GetLocationsRequest | GetCheckInsRequest


class Reads:
    """The operations that only read."""

    def __init__(self, parts: Shared) -> None:
        """Work with the shared parts."""
        self._parts = parts

    def locations(self, partner: Partner, request: GetLocationsRequest) -> Reply:
        """Return the location with the state of its pools: the extended POI data. The same for every partner."""
        del partner
        scene = self._parts.context.scene()
        location = scene.site.location
        if location is None:
            return self._starting()
        asked = request.location_id
        if asked is not None and asked.casefold() != location.id.casefold():
            return self._page(request, [])
        return self._page(request, [self._parts.poi.location(scene, location)])

    def check_ins(self, partner: Partner, request: GetCheckInsRequest) -> Reply:
        """Return the partner's own open check-ins and those that ended within 24 h."""
        scene = self._parts.context.scene()
        if scene.site.location is None:
            return self._starting()
        entries = self._parts.entries
        own = [c for _, c in sorted(scene.site.check_ins.items()) if partner.owns(c.owner)]
        if request.check_in_id is not None:
            wanted = request.check_in_id.casefold()
            own = [c for c in own if entries.id_of(c).casefold() == wanted]
        return self._page(request, [entries.render(scene, c) for c in own])

    def _page(self, request: Read, items: Sequence[dict[str, Any]]) -> Reply:
        found = [item for item in items if request.covers(item["last_updated"])]
        page = found[request.offset : request.offset + request.limit]
        kind = KIND_OF[ACCEPTED]
        told = envelope(kind, self._parts.context.utc_ms(), data=page, total_count=len(found), limit=request.limit)
        return Reply(envelope=told, kind=kind, result=ACCEPTED)

    def _starting(self) -> Reply:
        return bare(KIND_OF["STARTING"], "STARTING", self._parts.context.utc_ms(), "the site is starting")
