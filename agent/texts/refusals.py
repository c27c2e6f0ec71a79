"""Refusals: each reason with its HTTP status and words, and the SeQueRe results with theirs.

Pure. Every refusal has a reason and a way on; what the site refuses is decided elsewhere. The reasons are those of the
check-in page; SeQueRe 1.0 results (section 5) share them where the words fit somebody who is not at the page.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from agent.texts.catalogue import Catalogue, TextError
from agent.texts.formats import Language


class Reason(StrEnum):
    """Why something was refused; the values are the keys under `refusal.`"""

    NOTHING_CHOSEN = "nothing_chosen"
    PRESENCE_MISSING = "presence_missing"
    PRESENCE_WRONG = "presence_wrong"
    PRESENCE_EXPIRED = "presence_expired"
    TOO_MANY_TRIES = "too_many_tries"
    POOL_UNKNOWN = "pool_unknown"
    POOL_FULL = "pool_full"
    LOCATION_CLOSED = "location_closed"
    TOO_LATE_TODAY = "too_late_today"
    NO_EVSE_FITS = "no_evse_fits"
    NONE_IN_SERVICE = "none_in_service"
    DEPARTURE_TOO_SOON = "departure_too_soon"
    ALREADY_CHECKED_IN = "already_checked_in"
    TOKEN_UNKNOWN = "token_unknown"
    TOKEN_BLOCKED = "token_blocked"
    TOKEN_SUSPENDED = "token_suspended"
    TOKEN_UNCHECKABLE = "token_uncheckable"
    NOT_YOUR_TURN = "not_your_turn"
    HELD_FOR_OTHER = "held_for_other"
    KEPT_FOR_BOOKING = "kept_for_booking"
    CHECKIN_ENDED = "checkin_ended"
    CHECKIN_UNKNOWN = "checkin_unknown"
    CALL_CODE_UNKNOWN = "call_code_unknown"
    EXTENSION_USED = "extension_used"
    SNOOZE_LIMIT = "snooze_limit"
    CHANGE_REFUSED = "change_refused"
    CLOCK_UNTRUSTED = "clock_untrusted"
    SLOT_TAKEN = "slot_taken"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    BAD_LENGTH = "bad_length"
    BOOKED_SHARE = "booked_share"
    ONE_RESERVATION = "one_reservation"
    CHANGE_DEADLINE = "change_deadline"
    RESERVATION_UNKNOWN = "reservation_unknown"
    RESERVATION_ENDED = "reservation_ended"
    NOT_BOOKABLE = "not_bookable"
    RESERVATION_REQUIRED = "reservation_required"
    OPERATOR = "operator"
    CANNOT_STORE = "cannot_store"
    PAUSED = "paused"
    EVSE_OCCUPIED = "evse_occupied"
    EVSE_UNKNOWN = "evse_unknown"
    NOT_CALLED = "not_called"
    NOT_CHARGING = "not_charging"
    UNDO_TOO_LATE = "undo_too_late"
    PAYMENT_NEEDED = "payment_needed"
    STARTING = "starting"
    BUSY = "busy"
    BAD_REQUEST = "bad_request"
    INTERNAL = "internal"


_STATUSES: Mapping[HTTPStatus, tuple[Reason, ...]] = {
    HTTPStatus.BAD_REQUEST: (Reason.BAD_REQUEST,),
    HTTPStatus.FORBIDDEN: (
        Reason.PRESENCE_WRONG,
        Reason.PRESENCE_EXPIRED,
        Reason.TOKEN_UNKNOWN,
        Reason.TOKEN_BLOCKED,
        Reason.TOKEN_SUSPENDED,
    ),
    HTTPStatus.NOT_FOUND: (
        Reason.POOL_UNKNOWN,
        Reason.EVSE_UNKNOWN,
        Reason.CHECKIN_UNKNOWN,
        Reason.CALL_CODE_UNKNOWN,
        Reason.RESERVATION_UNKNOWN,
    ),
    HTTPStatus.CONFLICT: (
        Reason.POOL_FULL,
        Reason.LOCATION_CLOSED,
        Reason.TOO_LATE_TODAY,
        Reason.NO_EVSE_FITS,
        Reason.NONE_IN_SERVICE,
        Reason.DEPARTURE_TOO_SOON,
        Reason.ALREADY_CHECKED_IN,
        Reason.NOT_YOUR_TURN,
        Reason.HELD_FOR_OTHER,
        Reason.KEPT_FOR_BOOKING,
        Reason.EXTENSION_USED,
        Reason.SNOOZE_LIMIT,
        Reason.CHANGE_REFUSED,
        Reason.SLOT_TAKEN,
        Reason.BOOKED_SHARE,
        Reason.ONE_RESERVATION,
        Reason.CHANGE_DEADLINE,
        Reason.NOT_BOOKABLE,
        Reason.RESERVATION_REQUIRED,
        Reason.OPERATOR,
        Reason.EVSE_OCCUPIED,
        Reason.NOT_CALLED,
        Reason.NOT_CHARGING,
        Reason.UNDO_TOO_LATE,
        Reason.PAYMENT_NEEDED,
    ),
    HTTPStatus.GONE: (Reason.CHECKIN_ENDED, Reason.RESERVATION_ENDED),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        Reason.NOTHING_CHOSEN,
        Reason.PRESENCE_MISSING,
        Reason.TOO_EARLY,
        Reason.TOO_LATE,
        Reason.BAD_LENGTH,
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (Reason.TOO_MANY_TRIES,),
    HTTPStatus.INTERNAL_SERVER_ERROR: (Reason.INTERNAL,),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        Reason.TOKEN_UNCHECKABLE,
        Reason.CLOCK_UNTRUSTED,
        Reason.CANNOT_STORE,
        Reason.PAUSED,
        Reason.STARTING,
        Reason.BUSY,
    ),
}
HTTP_STATUS: Mapping[Reason, HTTPStatus] = {
    reason: status for status, reasons in _STATUSES.items() for reason in reasons
}

# SeQueRe 1.0 section 5: what the partner's app may show. First key whose fields are known; the last has none or few.
RESULT_KEYS: Mapping[str, tuple[str, ...]] = {
    "ACCEPTED": ("result.accepted",),
    "PENDING": ("result.pending",),
    "LOCATION_UNKNOWN": ("result.location_unknown",),
    "POOL_UNKNOWN": ("refusal.pool_unknown",),
    "EVSE_UNKNOWN": ("refusal.evse_unknown",),
    "POOL_FULL": ("refusal.pool_full",),
    "LOCATION_CLOSED": ("refusal.location_closed",),
    "TOO_LATE_TODAY": ("refusal.too_late_today",),
    "NO_EVSE_FITS": ("refusal.no_evse_fits",),
    "NONE_IN_SERVICE": ("refusal.none_in_service",),
    "DEPARTURE_TOO_SOON": ("refusal.departure_too_soon",),
    "ALREADY_CHECKED_IN": ("refusal.already_checked_in",),
    "RESERVATION_REQUIRED": ("refusal.reservation_required",),
    "CHECKIN_UNKNOWN": ("result.checkin_unknown",),
    "CHECKIN_ENDED": ("result.checkin_ended",),
    "CHANGE_REFUSED": ("refusal.change_refused",),
    "SNOOZE_LIMIT": ("refusal.snooze_limit",),
    "EXTENSION_USED": ("refusal.extension_used",),
    "NOT_BOOKABLE": ("refusal.not_bookable",),
    # With `start` it is a change that was refused: the old reservation stands, and the text says so.
    "SLOT_TAKEN": ("result.slot_taken_change", "refusal.slot_taken"),
    "BOOKED_SHARE": ("refusal.booked_share",),
    "TOO_EARLY": ("refusal.too_early",),
    "TOO_LATE": ("refusal.too_late",),
    "BAD_LENGTH": ("refusal.bad_length",),
    "ONE_RESERVATION": ("refusal.one_reservation", "result.one_reservation"),
    "CHANGE_DEADLINE": ("refusal.change_deadline",),
    "RESERVATION_UNKNOWN": ("result.reservation_unknown",),
    "RESERVATION_ENDED": ("refusal.reservation_ended",),
    "CLOCK_UNTRUSTED": ("refusal.clock_untrusted",),
    "TOKEN_UNKNOWN": ("result.token_unknown",),
    "TOKEN_BLOCKED": ("result.token_blocked",),
    "TOKEN_SUSPENDED": ("refusal.token_suspended",),
    "TOKEN_UNCHECKABLE": ("result.token_uncheckable",),
    "ISSUER_NOT_ALLOWED": ("result.issuer_not_allowed",),
    "OPERATOR": ("refusal.operator",),
    "TIMEOUT": ("result.timeout",),
    "NOT_SUPPORTED": ("result.not_supported",),
    "REQUEST_ID_REUSED": ("result.request_id_reused",),
    "STALE": ("result.stale",),
    "BAD_REQUEST": ("result.bad_request",),
    "NOT_ALLOWED": ("result.not_allowed",),
    "BUSY": ("result.busy",),
    "STARTING": ("result.starting",),
    "CANNOT_STORE": ("result.cannot_store",),
    "PAUSED": ("result.paused",),
    "INTERNAL": ("result.internal",),
}


def refusal_text(catalogue: Catalogue, reason: Reason, language: Language, **fields: object) -> str:
    """Return the words of a refusal, the shorter ones if a field is unknown; every reason has words without fields."""
    return _first(catalogue, (f"refusal.{reason.value}",), language, fields)


def result_text(catalogue: Catalogue, result: str, language: Language, **fields: object) -> str:
    """Return the words a partner may show for a SeQueRe result; raise TextError for one that is not in section 5."""
    if result not in RESULT_KEYS:
        raise TextError(f"no text for the SeQueRe result {result!r}")
    return _first(catalogue, RESULT_KEYS[result], language, fields)


def _first(catalogue: Catalogue, keys: tuple[str, ...], language: Language, fields: Mapping[str, object]) -> str:
    for key in keys:
        words = catalogue.best(key, language, **fields)
        if words is not None:
            return words
    raise TextError(f"text {keys[-1]}: a field is missing, got {', '.join(sorted(fields)) or 'none'}")
