"""How updates travel: by HTTP to a partner's receiver, by DataTransfer to the CSMS. The same bodies both ways.

Measures what fits, turns an answer into an outcome; decides nothing about when and what.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.partners.calls import Delivered, HttpCalls, Outcome, receipt_of
from agent.partners.data_transfer import DATA_CHARACTERS_MAX, escaped_length
from agent.partners.partner import Partner
from agent.partners.strict_json import BODY_BYTES_MAX

ROOM_SHARE = 0.9  # of what a body may have: room for the envelope and for what the other side adds

Post = Callable[[str, bytes], Awaitable[Delivered]]
SendTransfer = Callable[[str, str], Awaitable[tuple[str, object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """How messages of one lane travel: `post` sends one (operation, body), `length` measures, `room` is for a part."""

    post: Post
    length: Callable[[Any], int]
    room: int


def http_carriage(calls: HttpCalls, partner: Partner, url: str) -> Carriage:
    """Return the carriage to a partner's receiver."""

    async def post(operation: str, body: bytes) -> Delivered:
        del operation
        return await calls.post(partner, url, body)

    return Carriage(
        post=post, length=lambda value: len(msgspec.json.encode(value)), room=int(BODY_BYTES_MAX * ROOM_SHARE)
    )


def transfer_carriage(send: SendTransfer) -> Carriage:
    """Return the carriage to the CSMS; `send` makes a DataTransfer and returns status and data of its answer.

    It raises OSError (ConnectionError) while there is no link and TimeoutError when no answer came.
    """

    async def post(operation: str, body: bytes) -> Delivered:
        try:
            status, data = await send(operation, body.decode())
        except (OSError, TimeoutError) as error:
            return Delivered(Outcome.AGAIN, problem=type(error).__name__)
        if status == "Accepted":
            told = data.encode() if isinstance(data, str) else b"" if data is None else msgspec.json.encode(data)
            return Delivered(Outcome.DELIVERED, receipt=receipt_of(told))
        return Delivered(Outcome.FINAL if status == "Rejected" else Outcome.STOP, problem=status)

    return Carriage(
        post=post,
        length=lambda value: escaped_length(msgspec.json.encode(value).decode()),
        room=int(DATA_CHARACTERS_MAX * ROOM_SHARE),
    )
