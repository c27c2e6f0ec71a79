"""SeQueRe over OCPP DataTransfer: the same operations and envelopes, without a socket (`sequere.md` 8).

The station's OCPP translator calls `receive` with what the CSMS sent; updates to the CSMS go through `push.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.ocpp.strict_json import DEPTH_MAX, NotJson
from agent.partners.messages import request_id_of
from agent.partners.operations import SWITCHED_OFF, Partners
from agent.partners.partner import Partner
from agent.partners.results import Kind, Reply, bare, refused
from agent.partners.strict_json import depth, json_length, read_json

DATA_CHARACTERS_MAX = 16_384  # after escaping, both ways

_TOO_LONG = Kind(status_code=2001, transfer="Rejected", decided=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a DataTransfer: its status, and data in the form of the request (None with Unknown*)."""

    status: str
    data: str | dict[str, Any] | None


class DataTransfers:
    """Answers the DataTransfer calls of one CSMS, which acts as a partner."""

    def __init__(self, partners: Partners, partner: Partner, enabled: Callable[[], bool] = lambda: True) -> None:
        """`partner` is what the CSMS acts as, normally the CPO itself; `enabled` is SeQueReEnabled or its variable."""
        self._partners = partners
        self._partner = partner
        self._enabled = enabled

    async def vendor(self, message_id: str | None, data: str | None) -> tuple[str, str | None]:
        """Answer a call of OCPP 1.6, whose data is always text: the form that the OCPP link takes."""
        answered = await self.receive(message_id, data)
        told = answered.data
        return answered.status, told if told is None or isinstance(told, str) else msgspec.json.encode(told).decode()

    async def receive(self, message_id: str | None, data: object) -> Answered:
        """Return the answer to a call with our vendorId; `data` is a JSON string or, in OCPP 2.x, an object."""
        operations = self._partners.operations
        if message_id is None or (message_id not in operations and message_id not in SWITCHED_OFF):
            return Answered("UnknownMessageId", None)
        try:
            body = _read(data)
            if not self._enabled():
                return self._answered(self._switched_off(body), data)
        except NotJson as no:
            reply = self._partners.malformed(self._partner, message_id, str(no))
        else:
            reply = await self._partners.handle(self._partner, message_id, body)
            reply = self._shortened(reply)
        return self._answered(reply, data)

    def _switched_off(self, body: object) -> Reply:
        context = self._partners.context
        told, request_id = "SeQueRe is not enabled here", request_id_of(body)
        return refused("NOT_ALLOWED", context.words(), context.utc_ms(), request_id=request_id, status_message=told)

    def _answered(self, reply: Reply, data: object) -> Answered:
        """Return an answer in the form of its request."""
        if reply.kind.transfer.startswith("Unknown"):
            return Answered(reply.kind.transfer, None)
        text = msgspec.json.encode(reply.envelope).decode()
        return Answered(reply.kind.transfer, text if data is None or isinstance(data, str) else reply.envelope)

    def _shortened(self, reply: Reply) -> Reply:
        """Return an answer that fits: a long list with fewer items, of which total_count tells there are more."""
        # Halved until it fits: a list of 100 takes at most seven rounds.
        while escaped_length(msgspec.json.encode(reply.envelope).decode()) > DATA_CHARACTERS_MAX:
            items = reply.envelope.get("data")
            if not isinstance(items, list) or len(items) < 2:
                told = f"the answer has more than {DATA_CHARACTERS_MAX} characters: read it over HTTP"
                return bare(_TOO_LONG, "BAD_REQUEST", self._partners.context.utc_ms(), told)
            kept = items[: len(items) // 2]
            reply = Reply(
                envelope={**reply.envelope, "data": kept, "limit": len(kept)}, kind=reply.kind, result=reply.result
            )
        return reply


def escaped_length(text: str) -> int:
    """Return how many characters a text has as a JSON string, without its quotes; raise NotJson for lone surrogates."""
    try:
        return len(msgspec.json.encode(text).decode()) - 2
    except UnicodeEncodeError as error:
        raise NotJson("data: not valid Unicode") from error


def _read(data: object) -> Any:
    """Return the body; raise NotJson."""
    match data:
        case None:
            return {}
        case str():
            if len(data) > DATA_CHARACTERS_MAX or escaped_length(data) > DATA_CHARACTERS_MAX:
                raise NotJson(f"data: more than {DATA_CHARACTERS_MAX} characters")
            return read_json(data.encode())
        case dict():
            if depth(data) > DEPTH_MAX:
                raise NotJson(f"body: nested deeper than {DEPTH_MAX}")
            if json_length(data) > DATA_CHARACTERS_MAX:
                raise NotJson(f"data: more than {DATA_CHARACTERS_MAX} characters")
            return data
        case _:
            raise NotJson("data: expected a JSON string or an object")
