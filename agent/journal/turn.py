"""One turn as the journal sees it: the events, and the writes to the stores that share the file and the commit.

Closed union `Write`. Each write checks its own sizes when built; counts are checked against the tables when applied.
Removing what is not there is no error (ForgetSubject, Acknowledge, DropRecord); changing what is not there is
(FreezeFrame, CountAttempt, Bury), because then something that must not be lost has been.
"""

from dataclasses import dataclass, field

from agent.journal.errors import LimitReached

NAME_MAX_CHARS = 256  # ids, keys, lanes and kinds: OCPP's longest identifier has 255
BODY_MAX_BYTES = 65_536  # one event or fact; the largest layout with 50 EVSEs is about 20 KB
FRAME_MAX_BYTES = 262_144  # one OCPP frame ready to send, certificates and reports included
RECORD_MAX_BYTES = 262_144  # one keyed record
SUBJECT_MAX_BYTES = 4_096  # an id token with its additional information
EVENTS_PER_TURN_MAX = 4_096  # 64 inputs of a turn with 64 events each
WRITES_PER_TURN_MAX = 16_384  # a full local list (10,000 records) is sent in one message and must be one commit

RECEIPT_KEEP_MS = 7 * 24 * 3_600_000  # a partner repeats a request for days after an outage, not for weeks
RECEIPTS_PER_SOURCE_MAX = 10_000  # one noisy source must not push out the receipts of the others
RECEIPTS_MAX = 50_000
SUBJECTS_MAX = 20_000  # local list holders live in records; these are people on site or booked
OWED_MAX = 100_000  # weeks offline; then new paid starts are refused by the core
DEAD_LETTERS_MAX = 10_000  # the oldest are dropped and counted beyond this
RECORDS_MAX = 200_000  # local list, auth cache, variables and clock map together


def _name(field: str, value: str) -> None:
    if not value or len(value) > NAME_MAX_CHARS:
        raise LimitReached(f"{field} must have 1 to {NAME_MAX_CHARS} characters, not {len(value)}")


def _size(field: str, value: bytes | str, limit: int) -> None:
    if len(value) > limit:
        raise LimitReached(f"{field} has {len(value)} of at most {limit} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class PutReceipt:
    """The answer given to a request, so that its repetition gets the same one."""

    source: str
    request_id: str
    digest: bytes  # of the request: the same id with another digest is a changed request
    answer: bytes
    elapsed_ms: int

    def __post_init__(self) -> None:
        _name("source", self.source)
        _name("request_id", self.request_id)
        _size("digest", self.digest, NAME_MAX_CHARS)
        _size("answer", self.answer, BODY_MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSubject:
    """The person behind a random reference; the only place of personal ids. Replaces the row of the same ref."""

    ref: str
    kind: str
    value: str
    lookup: bytes  # keyed hash of the value, made by the caller; found again by it, never reversed
    details: bytes

    def __post_init__(self) -> None:
        _name("ref", self.ref)
        _name("kind", self.kind)
        _size("lookup", self.lookup, NAME_MAX_CHARS)
        _size("value", self.value, SUBJECT_MAX_BYTES)
        _size("details", self.details, SUBJECT_MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSubject:
    """Delete the person behind a reference; the events keep the reference and stay valid."""

    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owe:
    """A message that must not be lost, kept as the fact it tells until acknowledged; sent in order of being owed.

    `frame` where its bytes are fixed already, or FreezeFrame fixes them later.
    """

    lane: str
    message_id: str
    kind: str
    fact: bytes
    group: str | None  # what must stay in order among itself, e.g. one transaction
    frame: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _name("lane", self.lane)
        _name("message_id", self.message_id)
        _name("kind", self.kind)
        _size("fact", self.fact, BODY_MAX_BYTES)
        if self.group is not None:
            _name("group", self.group)
        if self.frame is not None:
            _size("frame", self.frame, FRAME_MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeFrame:
    """Fix the bytes of an owed message at its first sending, so that every repetition is the same message."""

    message_id: str
    frame: bytes

    def __post_init__(self) -> None:
        _size("frame", self.frame, FRAME_MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAttempt:
    """Note that an owed message was sent once more."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """The other side has it: the owed message is done."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bury:
    """Give an owed message up, as the standard orders, into the visible dead-letter table."""

    message_id: str
    reason: str

    def __post_init__(self) -> None:
        _name("reason", self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRecord:
    """Set a keyed record of a store (variables, local list, auth cache, tx, clock map); replaces the old value."""

    store: str
    key: str
    value: bytes

    def __post_init__(self) -> None:
        _name("store", self.store)
        _name("key", self.key)
        _size("value", self.value, RECORD_MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRecord:
    """Remove a keyed record."""

    store: str
    key: str


Write = (
    PutReceipt
    | PutSubject
    | ForgetSubject
    | Owe
    | FreezeFrame
    | CountAttempt
    | Acknowledge
    | Bury
    | PutRecord
    | DropRecord
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one commit makes durable, or nothing of it."""

    expected_head: int  # sequence number of the last event before this turn; 0 for none
    boot: int  # number of the boot of the machine, never falling
    elapsed_ms: int  # the location's own clock, never falling
    utc_ms: int | None  # None while the wall clock is untrusted
    events: tuple[object, ...] = ()
    writes: tuple[Write, ...] = ()

    def __post_init__(self) -> None:
        if len(self.events) > EVENTS_PER_TURN_MAX:
            raise LimitReached(f"a turn has {len(self.events)} of at most {EVENTS_PER_TURN_MAX} events")
        if len(self.writes) > WRITES_PER_TURN_MAX:
            raise LimitReached(f"a turn has {len(self.writes)} of at most {WRITES_PER_TURN_MAX} writes")
        if self.boot < 0 or self.elapsed_ms < 0:
            raise LimitReached(f"boot {self.boot} and elapsed {self.elapsed_ms} ms must not be negative")
