"""Who may charge by OCPP 1.6: local list, cache and Central System as one source of the authoriser.

Asks the CSMS on the live lane and remembers what it said; the rules are those of agent/ocpp/v16/authorisation.py.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.core.inputs import Verdict
from agent.csms.v16.link import CsmsLink
from agent.kernel.authoriser import Judged
from agent.ocpp.effects import Answered
from agent.ocpp.v16.authorisation import AskCentral, Known, Uncheckable, judge
from agent.ocpp.v16.messages import parse_response
from agent.ocpp.v16.station import Station
from agent.ocpp.v16.types import ID_TAG_CHARACTERS_MAX, AuthorizationStatus, Authorized, IdTagInfo

VERDICTS = {
    AuthorizationStatus.ACCEPTED: Verdict.ACCEPTED,
    AuthorizationStatus.BLOCKED: Verdict.BLOCKED,
    AuthorizationStatus.EXPIRED: Verdict.EXPIRED,
    AuthorizationStatus.INVALID: Verdict.INVALID,
    AuthorizationStatus.CONCURRENT_TX: Verdict.CONCURRENT,
}


class CsmsTokens:
    """A TokenSource; put it after the tokens of the configuration."""

    def __init__(self, link: CsmsLink, utc_ms: Callable[[], int | None], full: Callable[[], bool]) -> None:
        """`full`: whether so much is owed to the CSMS that no further charge could be told to it."""
        self._link = link
        self._utc_ms = utc_ms
        self._full = full

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Return what list, cache or CSMS know of an IdToken; None where nobody can tell."""
        del kind
        if not 0 < len(id_token) <= ID_TAG_CHARACTERS_MAX or not id_token.isprintable():
            return None  # cannot be asked in 1.6
        if self._full():
            return Judged(verdict=Verdict.UNCHECKABLE)
        judgement = self._here(id_token, online=self._link.online)
        if isinstance(judgement, AskCentral):
            info = await self._central(id_token)
            if info is not None:
                await self._link.note(id_token, info)
                return self._judged(info)
            judgement = self._here(id_token, online=False)  # no answer is the same as no line
        return self._judged(judgement.info) if isinstance(judgement, Known) else None

    def _here(self, id_token: str, *, online: bool) -> Known | AskCentral | Uncheckable:
        station: Station = self._link.station
        return judge(
            station.key_of(id_token),
            online=online,
            utc_ms=self._utc_ms(),
            local=station.local,
            cache=station.cache,
            keys=station.keys,
        )

    async def _central(self, id_token: str) -> IdTagInfo | None:
        outcome = await self._link.ask("Authorize", {"idTag": id_token})
        if not isinstance(outcome, Answered):
            return None
        said = parse_response("Authorize", outcome.payload)
        return said.info if isinstance(said, Authorized) else None

    def _judged(self, info: IdTagInfo) -> Judged:
        parent = info.parent_id_tag
        group = None if parent is None else self._link.station.key_of(parent)
        return Judged(verdict=VERDICTS[info.status], group=group)
