"""Who may charge: asks the sources of authorisation in turn, one question per IdToken at a time.

A source answers or passes. The chain of a site with a CSMS is local list, cache, CSMS, offline rules; without one it is
the configuration. The core checks everything again when the answer arrives: the state may have moved. A source that
fails or hangs has passed; ids are never logged.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.core.inputs import Verdict

log = logging.getLogger("stationmaster.authoriser")

SOURCE_LIMIT_S = 45.0  # longer than the 30 s that an OCPP call has: then a source falls back on what it knows itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a source knows of an IdToken: its verdict, its parent or group id, and the pool groups it belongs to.

    `known` is false where any IdToken would have been accepted: it then says nothing about who brings it.
    """

    verdict: Verdict
    known: bool = True
    group: str | None = None
    groups: tuple[str, ...] = ()


class TokenSource(Protocol):
    """Somebody who may know an IdToken."""

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Return what is known of an IdToken, or None to pass the question on."""


class Authoriser:
    """Asks the sources in order; the last word is `Uncheckable`."""

    def __init__(self, sources: Sequence[TokenSource], limit_s: float = SOURCE_LIMIT_S) -> None:
        self._sources = tuple(sources)
        self._limit_s = limit_s
        self._asking: dict[tuple[str, str], asyncio.Task[Judged]] = {}

    async def judge(self, id_token: str, kind: str) -> Judged:
        """Return the verdict on an IdToken; the same question asked twice at once is asked once."""
        key = (kind, id_token.casefold())
        task = self._asking.get(key)
        if task is None:
            task = asyncio.ensure_future(self._ask(id_token, kind))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, id_token: str, kind: str) -> Judged:
        for source in self._sources:
            judged = await self._of(source, id_token, kind)
            if judged is not None:
                return judged
        return Judged(verdict=Verdict.UNCHECKABLE)

    async def _of(self, source: TokenSource, id_token: str, kind: str) -> Judged | None:
        try:
            async with asyncio.timeout(self._limit_s):
                return await source.judge(id_token, kind)
        except Exception as error:  # its text may name the id
            log.error("source=%s state=failed error=%s", type(source).__name__, type(error).__name__)
            return None


class ConfiguredTokens:
    """The IdTokens of the configuration, and what holds for all others on a site without CSMS."""

    def __init__(self, tokens: dict[str, Judged], unknown: Judged | None) -> None:
        self._tokens = {token.casefold(): judged for token, judged in tokens.items()}
        self._unknown = unknown

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Return the configured verdict; `kind` makes no difference here."""
        del kind
        return self._tokens.get(id_token.casefold(), self._unknown)
