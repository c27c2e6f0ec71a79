"""A form is obeyed once: request ids that only we give out, and receipts that survive a restart.

Touches the runner and the receipts of the journal. A double tap, a lost answer and a reload after a power cut all get
the answer that the first one got. The id is signed for its form, so it is the token against forged forms as well.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from agent.core.inputs import Refused, Request
from agent.core.layout import CheckInId, Now
from agent.core.site import Step
from agent.core.state import Site
from agent.journal.errors import StorageFailed
from agent.journal.turn import PutReceipt, Write
from agent.kernel.inbox import Conclusion
from agent.web.context import WebContext

SOURCE = "page"
RECENT_MAX = 1024
SEEN_MAX = 4096  # ids that came back; beyond, those given out before the youngest that was let go are looked up
ID_BYTES = 12
START_SIGNS = 8  # tells our ids from those of before a restart, whose receipts only the journal has
GIVEN_SIGNS = 12  # hexadecimal milliseconds since the start: centuries
SIGNATURE_SIGNS = 20  # 80 bits: nobody guesses one within the life of a form
REQUEST_SIGNS_MAX = 80


MakeRequest = Callable[[], Awaitable[tuple[Request, tuple[Write, ...]]]]


class Forged(Exception):  # noqa: N818 - an answer to the caller, not an error of ours
    """The form does not carry an id that we gave out for it."""


class Reused(Exception):  # noqa: N818 - as above
    """The same request id came with another request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a form: the CheckIn it led to, or why not. `repeated` tells that it had been obeyed before."""

    check_in: CheckInId | None = None
    refused: Refused | None = None
    provisional: bool = False
    repeated: bool = False


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The answer in a receipt."""

    check_in: int


class Once:
    """Gives out request ids and obeys each one once."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._running: dict[str, tuple[bytes, asyncio.Future[Done]]] = {}
        # While the storage fails there are no receipts: what was answered since the start is remembered as well.
        self._recent: OrderedDict[str, tuple[bytes, CheckInId]] = OrderedDict()
        self._start = secrets.token_hex(START_SIGNS // 2)
        self._began_s = context.monotonic()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._unsure_until_ms = -1  # ids given out up to here may have been seen and let go

    def new_id(self, scope: str) -> str:
        """Return a fresh request id for the forms of a scope, e.g. an own page's address."""
        given_ms = round((self._context.monotonic() - self._began_s) * 1000)
        return self._signed(scope, f"{self._start}{given_ms:0{GIVEN_SIGNS}x}{secrets.token_hex(ID_BYTES)}")

    def check(self, scope: str, request_id: str) -> str:
        """Return a request id that was given out for a scope; raise Forged for any other."""
        number = request_id.partition(".")[0]
        if len(request_id) > REQUEST_SIGNS_MAX or not hmac.compare_digest(
            self._signed(scope, number).encode(), request_id.encode()
        ):
            raise Forged
        return number

    async def obey(
        self,
        request_id: str,
        told: Mapping[str, str],
        request: MakeRequest,
    ) -> Done:
        """Let the runner decide a request, unless this id was obeyed before.

        `told` is what the person sent; the same id with something else raises Reused. `request` makes the Request and
        the rows of its commit, or raises; it is not called for a repetition. Raises Busy.
        """
        digest = hashlib.sha256(msgspec.json.encode(sorted(told.items()))).digest()
        while request_id in self._running:
            known, outcome = self._running[request_id]
            return await _same(known, digest, outcome)
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._running[request_id] = (digest, future)
        try:
            done = await self._first(request_id, digest, request)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # heard: there may be nobody else who waits for it
            raise
        else:
            future.set_result(done)
            return done
        finally:
            del self._running[request_id]

    async def _first(
        self,
        request_id: str,
        digest: bytes,
        request: MakeRequest,
    ) -> Done:
        first = self._comes_first(request_id)
        known = self._recent.get(request_id) or (None if first else await self._receipt(request_id))
        if known is not None:
            if known[0] != digest:
                raise Reused
            return Done(check_in=known[1], repeated=True)
        asked, writes = await request()

        def conclude(step: Step, now: Now) -> Conclusion:
            check_in = _subject_of(asked, step)
            if check_in is None:
                return Conclusion(None)
            answer = msgspec.json.encode(_Kept(check_in=check_in))
            receipt = PutReceipt(
                source=SOURCE, request_id=request_id, digest=digest, answer=answer, elapsed_ms=now.elapsed_ms
            )
            return Conclusion(check_in, (*writes, receipt))

        answer = await self._context.runner.ask(asked, conclude)
        if answer.reply is not None:
            self._recent[request_id] = (digest, answer.reply)
            if len(self._recent) > RECENT_MAX:
                self._recent.popitem(last=False)
        refused = answer.step.refused if answer.step is not None else None
        return Done(check_in=answer.reply, refused=refused, provisional=answer.provisional)

    def _comes_first(self, request_id: str) -> bool:
        """Note that an id came back; return whether it surely never did before, and so has no receipt.

        True for nearly all forms: reading the journal in a thread for each was a tenth of the cost of checking in.
        """
        if request_id in self._seen:
            return False
        first = request_id.startswith(self._start) and _given_ms(request_id) > self._unsure_until_ms
        self._seen[request_id] = None
        if len(self._seen) > SEEN_MAX:
            gone, _ = self._seen.popitem(last=False)
            if gone.startswith(self._start):
                self._unsure_until_ms = max(self._unsure_until_ms, _given_ms(gone))
        return first

    async def _receipt(self, request_id: str) -> tuple[bytes, CheckInId] | None:
        """Return digest and answer of an id that was obeyed before this start; None also while nothing can be read."""
        try:
            receipt = await asyncio.to_thread(self._context.journal.receipt, SOURCE, request_id)
        except StorageFailed:
            return None
        if receipt is None:
            return None
        kept = msgspec.json.decode(receipt.answer, type=_Kept)
        return receipt.digest, CheckInId(kept.check_in)

    def _signed(self, scope: str, number: str) -> str:
        mac = self._context.key.lookup("form", f"{scope}\x00{number}").hex()[:SIGNATURE_SIGNS]
        return f"{number}.{mac}"


def _given_ms(request_id: str) -> int:
    """Return when one of our ids was given out, in milliseconds since the start."""
    return int(request_id[START_SIGNS : START_SIGNS + GIVEN_SIGNS], 16)


def _subject_of(asked: Request, step: Step) -> CheckInId | None:
    """Return the CheckIn that an accepted request was about; a new one is the youngest of its state."""
    if step.refused is not None:
        return None
    named: CheckInId | None = getattr(asked, "replaces", None) or getattr(asked, "check_in", None)
    return named if named is not None else _youngest(step.site)


def _youngest(site: Site) -> CheckInId:
    return max(site.check_ins)


async def _same(known: bytes, digest: bytes, outcome: "asyncio.Future[Done]") -> Done:
    if known != digest:
        raise Reused
    done = await asyncio.shield(outcome)
    return Done(check_in=done.check_in, refused=done.refused, provisional=done.provisional, repeated=True)
