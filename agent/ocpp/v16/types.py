"""What the Central System of OCPP 1.6 asks and answers, as types.

Pure data, made by messages.py: instants, ranges and characters are right. Only what station.py acts upon has a type
here; SmartCharging and FirmwareManagement are not built. Text forms leave out id tags and secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ID_TAG_CHARACTERS_MAX = 20  # IdToken is a CiString20Type


class AuthorizationStatus(StrEnum):
    """Status in an IdTagInfo."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class AvailabilityType(StrEnum):
    """What ChangeAvailability asks for."""

    OPERATIVE = "Operative"
    INOPERATIVE = "Inoperative"


class RegistrationStatus(StrEnum):
    """How the Central System takes a BootNotification."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class MessageTrigger(StrEnum):
    """What TriggerMessage can ask for."""

    BOOT_NOTIFICATION = "BootNotification"
    DIAGNOSTICS_STATUS_NOTIFICATION = "DiagnosticsStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    STATUS_NOTIFICATION = "StatusNotification"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTagInfo:
    """What the Central System says about an id tag."""

    status: AuthorizationStatus
    expiry_utc_ms: int | None = None
    parent_id_tag: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One entry of SendLocalList; without info it asks for removal."""

    id_tag: str = field(repr=False)
    info: IdTagInfo | None = None


# --- requests of the Central System ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation:
    """End a reservation made by ReserveNow."""

    reservation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAvailability:
    """Take a connector, or with 0 the whole station, in or out of service."""

    connector_id: int
    kind: AvailabilityType


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeConfiguration:
    """Set a configuration key."""

    key: str
    value: str = field(repr=False)  # may be the AuthorizationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearCache:
    """Forget cached authorisations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransfer:
    """A vendor's own message."""

    vendor_id: str
    message_id: str | None = None
    data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConfiguration:
    """Read configuration keys; none named means all."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLocalListVersion:
    """Ask for the version of the local authorisation list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStartTransaction:
    """Start a transaction. A charging profile in it is ignored: OCPP 1.6, 5.11, for stations without SmartCharging."""

    id_tag: str = field(repr=False)
    connector_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStopTransaction:
    """Stop a transaction."""

    transaction_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveNow:
    """Reserve a connector, or with 0 any, from now until the expiry."""

    connector_id: int
    expiry_utc_ms: int
    id_tag: str = field(repr=False)
    parent_id_tag: str | None = field(default=None, repr=False)
    reservation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Restart, softly (stop transactions first) or hard."""

    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLocalList:
    """Replace or amend the local authorisation list."""

    version: int
    full: bool
    entries: tuple[ListEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """Send a message of the station's own again."""

    requested: MessageTrigger
    connector_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockConnector:
    """Release the plug."""

    connector_id: int


Request = (
    CancelReservation
    | ChangeAvailability
    | ChangeConfiguration
    | ClearCache
    | DataTransfer
    | GetConfiguration
    | GetLocalListVersion
    | RemoteStartTransaction
    | RemoteStopTransaction
    | ReserveNow
    | Reset
    | SendLocalList
    | TriggerMessage
    | UnlockConnector
)


# --- answers of the Central System ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """Answer to Authorize."""

    info: IdTagInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Answer to BootNotification."""

    status: RegistrationStatus
    utc_ms: int
    interval_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransferred:
    """Answer to DataTransfer."""

    status: str
    data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTold:
    """Answer to Heartbeat."""

    utc_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted:
    """Answer to StartTransaction."""

    transaction_id: int
    info: IdTagInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStopped:
    """Answer to StopTransaction."""

    info: IdTagInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Answer without content."""


Response = Authorized | Registered | DataTransferred | TimeTold | TransactionStarted | TransactionStopped | Noted
