"""What partners ask for: the requests of SeQueRe 1.0, typed, as the schemas describe them (`sequere.md` 3).

Pure. Decides only whether a body has the form of its operation. Unknown fields are ignored, null is absent, ids are
compared without case (by whoever compares them), instants are UTC milliseconds from here on. Never repeats a value.
"""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from agent.core.visit import Vehicle
from agent.ocpp.instants import parse_instant, render_instant

LIMIT_DEFAULT = 50  # `sequere.md` 3.8
LIMIT_MAX = 100
ID_FORM = r"\A[!-~]{1,36}\Z"
WORD_FORM = r"\A[A-Z][A-Z0-9_]{0,49}\Z"  # OpenEnum: any word of this form is valid

Id = Annotated[str, Meta(pattern=ID_FORM)]
Word = Annotated[str, Meta(pattern=WORD_FORM)]
Instant = Annotated[
    str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z\Z", max_length=24)
]
Url = Annotated[str, Meta(pattern=r"\Ahttps?://[!-~]+\Z", max_length=255)]

_REQUEST_ID = re.compile(ID_FORM)
_MISSING = re.compile(r"missing required field `([a-z_]+)`")
_PATH = re.compile(r" - at `\$\.?([^`]*)`\Z")


class BadRequest(Exception):  # noqa: N818 - the other side's mistake
    """A body has not the form of its operation: `field` names where, `problem` what, neither repeats a value."""

    def __init__(self, field: str, problem: str, *, missing: bool = False) -> None:
        """Keep what is wrong where."""
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.missing = missing


class Token(Struct, frozen=True, kw_only=True):
    """OCPI BookingToken: one of the User's ids."""

    country_code: Annotated[str, Meta(pattern=r"\A[A-Za-z]{2}\Z")]
    party_id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9]{3}\Z")]
    uid: Id
    type: Word
    contract_id: Id

    @property
    def issuer(self) -> str:
        """Country and party, as the configuration lists them."""
        return (self.country_code + self.party_id).upper()


class Preferences(Struct, frozen=True, kw_only=True):
    """What an EVSE must have to be accepted."""

    connector_types: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=8)] | None = None
    min_power: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None  # W
    vehicle_types: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=8)] | None = None
    evse_uids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=16)] | None = None


class _Visit(Struct, frozen=True, kw_only=True):
    """What car and driver know about this visit."""

    expected_arrival: Instant | None = None
    departure_time: Instant | None = None
    state_of_charge: Annotated[float, Meta(ge=0, le=100)] | None = None
    energy_need: Annotated[float, Meta(ge=0, le=10_000)] | None = None

    @property
    def expected_utc_ms(self) -> int | None:
        """The expected arrival in UTC ms, or None."""
        return _utc_ms("expected_arrival", self.expected_arrival)

    @property
    def departure_utc_ms(self) -> int | None:
        """The departure in UTC ms, or None."""
        return _utc_ms("departure_time", self.departure_time)

    @property
    def vehicle(self) -> Vehicle:
        """Charge level and need of the car; a need of nothing is none."""
        need_wh = round((self.energy_need or 0.0) * 1000)
        soc_percent = None if self.state_of_charge is None else round(self.state_of_charge)
        return Vehicle(soc_percent=soc_percent, energy_need_wh=need_wh or None)


class CheckInRequest(_Visit, frozen=True, kw_only=True):
    """Join a pool's queue, or change a CheckIn."""

    request_id: Id
    location_id: Id
    pool_id: Id
    tokens: Annotated[tuple[Token, ...], Meta(min_length=1, max_length=4)] | None = None
    preferences: Preferences = msgspec.field(default_factory=Preferences)
    more_time: bool = False
    replaces: Id | None = None
    dry_run: bool = False
    response_url: Url | None = None


class CheckOutRequest(Struct, frozen=True, kw_only=True):
    """Leave the queue."""

    request_id: Id
    check_in_id: Id


class SnoozeRequest(Struct, frozen=True, kw_only=True):
    """Let others go first, keep the place."""

    request_id: Id
    check_in_id: Id
    minutes: Annotated[int, Meta(ge=0, le=60)]


class ArrivalUpdateRequest(_Visit, frozen=True, kw_only=True):
    """A new expected arrival, of exactly one check-in or reservation."""

    request_id: Id
    check_in_id: Id | None = None
    reservation_id: Id | None = None


class _Page(Struct, frozen=True, kw_only=True):
    """OCPI pagination."""

    date_from: Instant | None = None
    date_to: Instant | None = None
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT

    def covers(self, last_updated: str) -> bool:
        """Return whether `last_updated` is within [date_from, date_to)."""
        at = parse_instant(last_updated)
        since, until = _utc_ms("date_from", self.date_from), _utc_ms("date_to", self.date_to)
        return (since is None or since <= at) and (until is None or at < until)


class GetLocationsRequest(_Page, frozen=True, kw_only=True):
    """Read POI data."""

    location_id: Id | None = None


class GetCheckInsRequest(_Page, frozen=True, kw_only=True):
    """Read own check-ins."""

    check_in_id: Id | None = None


T = TypeVar("T", bound=Struct)


def parse(kind: type[T], body: Any) -> T:
    """Return a body as a request of a kind; `body` is without nulls. Raise BadRequest naming the field."""
    try:
        request = msgspec.convert(_integral(body), kind)
    except msgspec.ValidationError as error:
        raise _bad(str(error)) from None
    _check(request)
    return request


def request_id_of(body: Any) -> str | None:
    """Return the request_id of a body, as far as it can be read."""
    found = body.get("request_id") if isinstance(body, dict) else None
    return found if isinstance(found, str) and _REQUEST_ID.match(found) else None


def render_utc(utc_ms: int) -> str:
    """Return an instant as SeQueRe writes it: RFC 3339, UTC with Z, at most three fractional digits."""
    return render_instant(utc_ms)


def _check(request: Struct) -> None:
    """Check what types do not say; JSON Schema says it by `oneOf` and `format`."""
    if isinstance(request, ArrivalUpdateRequest):
        if (request.check_in_id is None) is (request.reservation_id is None):
            raise BadRequest("check_in_id", "exactly one of check_in_id and reservation_id is required")
        if request.expected_arrival is None:
            raise BadRequest("expected_arrival", "required", missing=True)
    for name in ("expected_arrival", "departure_time", "date_from", "date_to"):
        _utc_ms(name, getattr(request, name, None))


def _utc_ms(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise BadRequest(field, "no such instant") from None


def _integral(value: Any) -> Any:
    """Return a value with 3.0 as 3: one number to JSON Schema, two types to the decoder."""
    match value:
        case dict():
            return {key: _integral(member) for key, member in value.items()}
        case list():
            return [_integral(member) for member in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _bad(told: str) -> BadRequest:
    """Return the decoder's complaint in our words: where, and what was expected."""
    path = _PATH.search(told)
    where = path[1] if path else ""
    what = told[: path.start()] if path else told
    missing = _MISSING.search(what)
    if missing:
        field = f"{where}.{missing[1]}" if where else missing[1]
        return BadRequest(field, "required", missing=True)
    if "matching regex" in what:
        what = "not of the form that the schema asks"
    return BadRequest(where or "body", what.replace("`", "").lower())
