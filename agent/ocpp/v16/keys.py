"""The configuration keys of OCPP 1.6: a typed table that can be read and changed.

Pure: a change yields a new table, which the caller stores. Decides only what a key may hold; what a key does is the
affair of whoever reads it. Follows OCPP 1.6 edition 2 chapter 9, its errata (MessageTimeout 3.83), the J specification
chapter 7 with erratum 3.12, and the security whitepaper edition 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum

KEYS_PER_REQUEST_MAX = 100  # GetConfigurationMaxKeys; more than there are keys
VALUE_CHARACTERS_MAX = 500  # CiString500Type
SECONDS_MAX = 7 * 24 * 3600  # no interval of a station makes sense beyond a week
SEQUERE_ENABLED = "SeQueReEnabled"


class Kind(Enum):
    """How the text of a key is read."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    LIST = "comma-separated list"
    TEXT = "text"
    HEXADECIMAL = "hexadecimal"


class ChangeStatus(StrEnum):
    """Status in ChangeConfiguration.conf."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What one key may hold."""

    name: str
    kind: Kind
    default: str
    least: int = 0  # integers: smallest value; texts and hexadecimals: fewest characters
    most: int = 0  # integers: largest value; lists: most items; texts and hexadecimals: most characters
    items: re.Pattern[str] | None = None  # what each item of a list looks like
    readonly: bool = False
    write_only: bool = False
    reboot: bool = False

    def accepted(self, value: str) -> str | None:
        """Return the value in its usual spelling, or None where the key may not hold it."""
        match self.kind:
            case Kind.BOOLEAN:
                return value.lower() if value.lower() in ("true", "false") else None
            case Kind.INTEGER:
                if not re.fullmatch(r"-?\d{1,10}", value, re.ASCII):
                    return None
                return str(int(value)) if self.least <= int(value) <= self.most else None
            case Kind.LIST:
                found = tuple(item.strip() for item in value.split(",")) if value.strip() else ()
                fits = len(found) <= self.most and len(set(found)) == len(found)
                pattern = self.items
                return ",".join(found) if fits and all(not pattern or pattern.fullmatch(one) for one in found) else None
            case Kind.TEXT:
                return value if self.least <= len(value) <= self.most and value.isprintable() else None
            case Kind.HEXADECIMAL:
                fits = self.least <= len(value) <= self.most and len(value) % 2 == 0
                return value if fits and re.fullmatch(r"[0-9A-Fa-f]*", value) else None


# What can be measured for transactions: the register that is billed from, the power, and what the car tells.
ENERGY, POWER, SOC = "Energy.Active.Import.Register", "Power.Active.Import", "SoC"
_MEASURANDS = re.compile("|".join(re.escape(one) for one in (ENERGY, POWER, SOC)))
_MEASURANDS_MAX = 3
_PHASES = re.compile(r"\d{1,3}\.(NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)")
_PHASES_MAX = 51  # the grid connection (0) and 50 connectors
_PROFILES = "Core,LocalAuthListManagement,RemoteTrigger,Reservation"


def _flag(name: str, default: bool) -> Key:
    return Key(name=name, kind=Kind.BOOLEAN, default=str(default).lower())


def _number(name: str, default: int, least: int, most: int, *, reboot: bool = False) -> Key:
    return Key(name=name, kind=Kind.INTEGER, default=str(default), least=least, most=most, reboot=reboot)


def _told(name: str, default: object, kind: Kind = Kind.INTEGER) -> Key:
    """A key that only tells a fact."""
    return Key(name=name, kind=kind, default=str(default), least=-(2**31), most=2**31 - 1, readonly=True)


def _measured(name: str, default: str) -> Key:
    return Key(name=name, kind=Kind.LIST, default=default, most=_MEASURANDS_MAX, items=_MEASURANDS)


# Keys of functions that this station does not have (BlinkRepeat, LightIntensity, MaxEnergyOnInvalidId) are absent:
# that is how 1.6 chapter 9 says so. Required keys of what cannot be changed here are read-only, also where the standard
# has RW: to accept a value that has no effect would be a lie.
KEYS: tuple[Key, ...] = (
    # Core profile, OCPP 1.6 9.1
    _flag("AllowOfflineTxForUnknownId", False),
    _flag("AuthorizationCacheEnabled", True),
    _flag("AuthorizeRemoteTxRequests", False),
    _told("ClockAlignedDataInterval", 0),
    _told("ConnectionTimeOut", 120),  # the policy of the location says it
    Key(name="ConnectorPhaseRotation", kind=Kind.LIST, default="", most=_PHASES_MAX, items=_PHASES),
    _told("ConnectorPhaseRotationMaxLength", _PHASES_MAX),
    _told("GetConfigurationMaxKeys", KEYS_PER_REQUEST_MAX),
    _number("HeartbeatInterval", 300, 0, 24 * 3600),  # at least one a day sets the clock (1.6 4.6)
    _flag("LocalAuthorizeOffline", True),
    _flag("LocalPreAuthorize", False),
    _told("MeterValuesAlignedData", "", Kind.LIST),
    _told("MeterValuesAlignedDataMaxLength", _MEASURANDS_MAX),
    _measured("MeterValuesSampledData", f"{ENERGY},{POWER},{SOC}"),
    _told("MeterValuesSampledDataMaxLength", _MEASURANDS_MAX),
    _number("MeterValueSampleInterval", 300, 0, 24 * 3600),  # 0: none
    _number("MinimumStatusDuration", 0, 0, 3600),
    _told("NumberOfConnectors", 0),
    _told("ResetRetries", 0),
    _told("StopTransactionOnEVSideDisconnect", "true", Kind.BOOLEAN),
    _told("StopTransactionOnInvalidId", "true", Kind.BOOLEAN),
    _told("StopTxnAlignedData", "", Kind.LIST),
    _told("StopTxnAlignedDataMaxLength", _MEASURANDS_MAX),
    _told("StopTxnSampledData", "", Kind.LIST),
    _told("StopTxnSampledDataMaxLength", _MEASURANDS_MAX),
    _told("SupportedFeatureProfiles", _PROFILES, Kind.LIST),
    _told("SupportedFeatureProfilesMaxLength", len(_PROFILES.split(","))),
    _number("TransactionMessageAttempts", 5, 1, 100),
    _number("TransactionMessageRetryInterval", 60, 0, SECONDS_MAX),
    _told("UnlockConnectorOnEVSideDisconnect", "true", Kind.BOOLEAN),
    _number("WebSocketPingInterval", 60, 0, 24 * 3600, reboot=True),  # read when a connection is made
    _number("MessageTimeout", 30, 5, 600),
    # Local Auth List Management, 9.2. A full list stays under the frame limit of frames.py.
    _flag("LocalAuthListEnabled", True),
    _told("LocalAuthListMaxLength", 5000),
    _told("SendLocalListMaxLength", 500),
    # Reservation, 9.3
    _told("ReserveConnectorZeroSupported", "false", Kind.BOOLEAN),
    # Smart Charging, 9.4: not built, so nothing can be installed
    _told("ChargeProfileMaxStackLevel", 0),
    _told("ChargingScheduleAllowedChargingRateUnit", "", Kind.LIST),
    _told("ChargingScheduleMaxPeriods", 0),
    _told("ConnectorSwitch3to1PhaseSupported", "false", Kind.BOOLEAN),
    _told("MaxChargingProfilesInstalled", 0),
    # Security whitepaper edition 3: 16 to 20 bytes in hexadecimal (A00.FR.205); certificates have their own issue
    Key(name="AuthorizationKey", kind=Kind.HEXADECIMAL, default="", least=32, most=40, write_only=True),
    Key(name="CpoName", kind=Kind.TEXT, default="", most=50),
    # Lowering it is not for OCPP to do (A00.FR.005), raising it needs certificates on the box
    _told("SecurityProfile", 0),
    # Ours: the SeQueRe operations over DataTransfer. Off until asked for: most Central Systems do not know them
    _flag(SEQUERE_ENABLED, False),
)
_BY_NAME: Mapping[str, Key] = {key.name.lower(): key for key in KEYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One key in GetConfiguration.conf. A write-only key has no value there."""

    name: str
    readonly: bool
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTable:
    """The values of all keys. `stored` is what a Central System changed, `facts` what the site itself tells."""

    stored: Mapping[str, str] = field(default_factory=dict, repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.stored, *self.facts):
            if name.lower() not in _BY_NAME:
                raise ValueError(f"no key {name}")
        for name in self.facts:
            if not _BY_NAME[name.lower()].readonly:
                raise ValueError(f"{name} can be changed by the Central System: it is no fact")

    @classmethod
    def restored(cls, stored: Mapping[str, str], facts: Mapping[str, str]) -> KeyTable:
        """Build a table from what was stored, leaving out what today's keys would not hold any more."""
        kept: dict[str, str] = {}
        for name, value in sorted(stored.items()):
            key = _BY_NAME.get(name.lower())
            usual = key.accepted(value) if key and not key.readonly else None
            if key and usual is not None:
                kept[key.name] = usual
        return cls(stored=kept, facts=facts)

    def get(self, names: Iterable[str]) -> tuple[tuple[Told, ...], tuple[str, ...]]:
        """Return the named keys, or all where none is named, and the names that are unknown."""
        asked = tuple(names)
        if not asked:
            return tuple(self._told(key) for key in KEYS), ()
        known = {_BY_NAME[name.lower()].name: _BY_NAME[name.lower()] for name in asked if name.lower() in _BY_NAME}
        return tuple(self._told(key) for key in known.values()), tuple(
            name for name in asked if name.lower() not in _BY_NAME
        )

    def change(self, name: str, value: str) -> tuple[ChangeStatus, KeyTable]:
        """Set a key as ChangeConfiguration asks (OCPP 1.6, 5.4); a refusal returns the table unchanged."""
        key = _BY_NAME.get(name.lower())
        if key is None:
            return ChangeStatus.NOT_SUPPORTED, self
        usual = key.accepted(value) if not key.readonly and len(value) <= VALUE_CHARACTERS_MAX else None
        if usual is None:
            return ChangeStatus.REJECTED, self
        changed = replace(self, stored={**self.stored, key.name: usual})
        return ChangeStatus.REBOOT_REQUIRED if key.reboot else ChangeStatus.ACCEPTED, changed

    def text(self, name: str) -> str:
        """Return the text of a key. Raises KeyError for a name that is none."""
        key = _BY_NAME[name.lower()]
        return self.stored.get(key.name, self.facts.get(key.name, key.default))

    def flag(self, name: str) -> bool:
        """Return a boolean key."""
        return self.text(name) == "true"

    def number(self, name: str) -> int:
        """Return an integer key in the unit of the standard (intervals: seconds)."""
        return int(self.text(name))

    def items(self, name: str) -> tuple[str, ...]:
        """Return the items of a list key."""
        return tuple(item for item in self.text(name).split(",") if item)

    def _told(self, key: Key) -> Told:
        return Told(name=key.name, readonly=key.readonly, value=None if key.write_only else self.text(key.name))
