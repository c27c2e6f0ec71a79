"""What is answered: the envelope, and for each result its HTTP status, OCPI status code and DataTransfer status.

Pure. One `Reply` serves both carriages (`sequere.md` 1 and 5). Texts come from the catalogue in all languages of the
location; nothing a partner sent is repeated but its request_id.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.core.inputs import Refusal
from agent.partners.messages import render_utc
from agent.texts.catalogue import Catalogue
from agent.texts.formats import Language
from agent.texts.refusals import RESULT_KEYS, result_text

STATUS_MESSAGE_MAX = 255  # schema `envelope`
TEXT_MAX = 512  # schema `display_text`
RETRY_BUSY_S = 1
RETRY_NOT_NOW_S = 5  # the runner tries a failed disk again after as long
RETRY_PAUSED_S = 600  # safe mode lasts until the operator ends it, or an hour

ACCEPTED = "ACCEPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a result is carried. `decided` results are kept for repetitions of the same request_id."""

    http: int = 200
    status_code: int = 1000
    transfer: str = "Accepted"
    retry_after_s: int | None = None
    decided: bool = True


_DECIDED = Kind()
_UNKNOWN_ID = Kind(status_code=2003)
_NOT_NOW = Kind(http=503, status_code=3000, retry_after_s=RETRY_NOT_NOW_S, decided=False)
_USED = Kind(status_code=2900, decided=False)
TOO_LARGE = Kind(http=413, status_code=2001, transfer="Rejected", decided=False)
NO_CREDENTIAL = Kind(http=401, status_code=2000, transfer="Rejected", decided=False)
NO_TLS = Kind(http=403, status_code=2000, transfer="Rejected", decided=False)
UNKNOWN_OPERATION = Kind(http=404, status_code=2000, transfer="UnknownMessageId", decided=False)
WRONG_METHOD = Kind(http=405, status_code=2000, transfer="UnknownMessageId", decided=False)

KIND_OF: Mapping[str, Kind] = {
    **dict.fromkeys(RESULT_KEYS, _DECIDED),
    "LOCATION_UNKNOWN": _UNKNOWN_ID,
    "POOL_UNKNOWN": _UNKNOWN_ID,
    "EVSE_UNKNOWN": _UNKNOWN_ID,
    "TOKEN_UNKNOWN": Kind(status_code=2004),
    "NOT_SUPPORTED": Kind(decided=False),  # switched on later, the same request is a new one
    "REQUEST_ID_REUSED": _USED,
    "STALE": _USED,
    "BAD_REQUEST": Kind(http=400, status_code=2001, transfer="Rejected", decided=False),
    "NOT_ALLOWED": Kind(http=403, status_code=2000, transfer="Rejected", decided=False),
    "BUSY": Kind(http=429, status_code=2901, retry_after_s=RETRY_BUSY_S, decided=False),
    "STARTING": _NOT_NOW,
    "CANNOT_STORE": _NOT_NOW,
    "PAUSED": replace(_NOT_NOW, retry_after_s=RETRY_PAUSED_S),
    "INTERNAL": Kind(http=500, status_code=3000, decided=False),
}

# Reasons of the core that only people on site get; a partner's request leads to none of them, but the table is whole.
_ON_SITE = (
    Refusal.NOT_YOUR_TURN,
    Refusal.HELD_FOR_OTHER,
    Refusal.KEPT_FOR_BOOKING,
    Refusal.EVSE_OCCUPIED,
    Refusal.NOT_CALLED,
    Refusal.NOT_CHARGING,
    Refusal.UNDO_TOO_LATE,
    Refusal.PAYMENT_NEEDED,
)
RESULT_OF: Mapping[Refusal, str] = {r: "CHANGE_REFUSED" if r in _ON_SITE else r.name for r in Refusal}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it is put on a carriage. `result` is for the log; `repeated` tells that it was given before."""

    envelope: dict[str, Any]
    kind: Kind
    result: str
    repeated: bool = False

    def again(self) -> "Reply":
        """Return the same answer, marked as a repetition."""
        return replace(self, repeated=True)


def envelope(
    kind: Kind, utc_ms: int, *, data: object = None, status_message: str | None = None, **more: int
) -> dict[str, Any]:
    """Return the OCPI envelope; `more` are total_count and limit of a list."""
    found: dict[str, Any] = {} if data is None else {"data": data}
    found["status_code"] = kind.status_code
    if status_message:
        found["status_message"] = status_message[:STATUS_MESSAGE_MAX]
    return {**found, "timestamp": render_utc(utc_ms), **more}


def bare(kind: Kind, result: str, utc_ms: int, status_message: str) -> Reply:
    """Return an answer without data: nobody asked with a request_id, or it could not be read."""
    return Reply(envelope=envelope(kind, utc_ms, status_message=status_message), kind=kind, result=result)


def accepted(request_id: str, utc_ms: int, **parts: object) -> Reply:
    """Return that a request was done and stored, with the objects of its answer."""
    data = {"request_id": request_id, "result": ACCEPTED, **parts}
    return Reply(envelope=envelope(_DECIDED, utc_ms, data=data), kind=_DECIDED, result=ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The catalogue and the languages of a location, English first."""

    catalogue: Catalogue
    languages: tuple[Language, ...]

    def of_result(self, result: str, fields: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the words of a refusal in all languages."""
        return [
            {"language": language.value, "text": result_text(self.catalogue, result, language, **fields)[:TEXT_MAX]}
            for language in self.languages
        ]

    def of_update(self, key: str, fields: Callable[[Language], Mapping[str, Any]]) -> list[dict[str, str]]:
        """Return the words of an update (`partner.` of the catalogue); none where a field is not known."""
        best = self.catalogue.best
        told = ((language, best(f"partner.{key}", language, **fields(language))) for language in self.languages)
        return [{"language": language.value, "text": text[:TEXT_MAX]} for language, text in told if text]


def words(catalogue: Catalogue, codes: Iterable[str]) -> Words:
    """Return the words for the languages of a location as far as the catalogue has them; always English."""
    known = [Language(code) for code in codes if code in set(Language)]
    return Words(catalogue=catalogue, languages=tuple(dict.fromkeys((Language.EN, *known))))


def refused(
    result: str,
    said: Words,
    utc_ms: int,
    *,
    request_id: str | None = None,
    kind: Kind | None = None,
    status_message: str | None = None,
    fields: Mapping[str, Any] | None = None,
    **parts: object,
) -> Reply:
    """Return a refusal; with its words if the request_id could be read, else bare."""
    how = KIND_OF[result] if kind is None else kind
    if request_id is None:
        return bare(how, result, utc_ms, status_message or result)
    data = {"request_id": request_id, "result": result, "message": said.of_result(result, fields or {}), **parts}
    message = status_message if status_message or how.http == 200 else result
    return Reply(envelope=envelope(how, utc_ms, data=data, status_message=message), kind=how, result=result)
