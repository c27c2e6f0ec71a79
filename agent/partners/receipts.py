"""Idempotency: the same request_id gives the same answer, over restarts and over both carriages (`sequere.md` 1).

Reads the receipts of the journal; they are written by the turn that decides, see `operations.py`. Decides only whether
a request is new. Beside them it keeps what runs right now, and the answers whose receipts a failing disk does not take:
a second receipt of the same id would be refused by the journal when the disk works again.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from agent.core.layout import Now
from agent.journal.errors import JournalError
from agent.journal.reads import Receipt
from agent.journal.turn import RECEIPT_KEEP_MS, PutReceipt
from agent.kernel.secrets import SiteKey
from agent.partners.partner import Partner
from agent.partners.results import KIND_OF, Reply
from agent.partners.strict_json import canonical

UNSTORED_MAX = 1_000  # answers while the disk fails; then no more is promised
_UUID7 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class ReceiptReads(Protocol):
    """What is read of the journal; blocks for one short read."""

    def receipt(self, source: str, request_id: str) -> Receipt | None:
        """Return the answer a request got, or None if it is new."""


class Reused(Exception):  # noqa: N818 - an answer to the caller
    """The id was used for another request."""


class Full(Exception):  # noqa: N818 - an answer to the caller
    """The disk fails, and no more answers can be remembered without it."""


class _Kept(msgspec.Struct):
    """The answer in a receipt."""

    result: str
    envelope: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: whose, which id (in small letters), and the keyed hash of what it says."""

    source: str
    request_id: str
    digest: bytes

    def receipt(self, reply: Reply, now: Now) -> PutReceipt:
        """Return the row that keeps an answer."""
        answer = msgspec.json.encode(_Kept(result=reply.result, envelope=reply.envelope))
        return PutReceipt(
            source=self.source,
            request_id=self.request_id,
            digest=self.digest,
            answer=answer,
            elapsed_ms=now.elapsed_ms,
        )


class Receipts:
    """Gives the answer of a request that was answered before; lets a new one run once."""

    def __init__(self, reads: ReceiptReads, key: SiteKey, provisional: Callable[[], bool]) -> None:
        """`provisional` tells whether the disk fails at present."""
        self._reads = reads
        self._key = key
        self._provisional = provisional
        self._running: dict[tuple[str, str], tuple[bytes, asyncio.Task[Reply]]] = {}
        self._unstored: dict[tuple[str, str], tuple[bytes, Reply]] = {}

    def asked(self, partner: Partner, operation: str, request_id: str, body: dict[str, Any]) -> Asked:
        """Return what identifies a request. The digest is keyed: a body holds ids of few possible values."""
        said = f"{operation}\x00{canonical(body).decode()}"
        digest = self._key.lookup("partner request", said)
        return Asked(source=partner.key, request_id=request_id.casefold(), digest=digest)

    async def once(self, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """Return the answer of a request: the earlier one, or what `work` does about it. Raise Reused, Full.

        Work goes on when the caller goes away: what was begun is answered at the repetition.
        """
        about = (asked.source, asked.request_id)
        running = self._running.get(about)
        if running is not None:
            return (await asyncio.shield(_same(asked, running))).again()
        task = asyncio.ensure_future(self._first(asked, work))
        self._running[about] = (asked.digest, task)
        task.add_done_callback(lambda _: self._running.pop(about, None))
        return await asyncio.shield(task)

    async def _first(self, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> Reply:
        known = self._remembered(asked) or await self._stored(asked)
        if known is not None:
            return known.again()
        if len(self._unstored) >= UNSTORED_MAX:
            raise Full
        reply = await work()
        if self._provisional() and reply.kind.decided:
            self._unstored[asked.source, asked.request_id] = (asked.digest, reply)
        return reply

    def _remembered(self, asked: Asked) -> Reply | None:
        if not self._provisional():
            self._unstored.clear()  # all of it is in the journal now
        known = self._unstored.get((asked.source, asked.request_id))
        if known is None:
            return None
        if known[0] != asked.digest:
            raise Reused
        return known[1]

    async def _stored(self, asked: Asked) -> Reply | None:
        try:
            receipt = await asyncio.to_thread(self._reads.receipt, asked.source, asked.request_id)
        except JournalError as error:
            raise Full from error  # a disk that cannot be read: it cannot be known whether this was done already
        if receipt is None:
            return None
        if receipt.digest != asked.digest:
            raise Reused
        kept = msgspec.json.decode(receipt.answer, type=_Kept)
        return Reply(envelope=kept.envelope, kind=KIND_OF[kept.result], result=kept.result)


def is_stale(request_id: str, now: Now) -> bool:
    """Return whether an id is a UUIDv7 older than receipts are kept; nobody knows while the clock is untrusted."""
    found = _UUID7.fullmatch(request_id)
    if found is None or now.utc_ms is None:
        return False
    return now.utc_ms - int(found[1] + found[2], 16) > RECEIPT_KEEP_MS


async def _same(asked: Asked, running: tuple[bytes, "asyncio.Task[Reply]"]) -> Reply:
    digest, task = running
    if digest != asked.digest:
        raise Reused
    return await asyncio.shield(task)
