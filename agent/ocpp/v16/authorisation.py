"""Who may charge by OCPP 1.6: the local authorisation list, the authorisation cache, and the rules over both.

Pure. Ids come as keys that the caller makes of id tags (a keyed hash), so that no card can be read out of a store.
Follows OCPP 1.6 3.5 and 5.15: the list comes before the cache, the Central System before both unless the configuration
keys say otherwise. Never asks anybody: `judge` says when to ask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.types import AuthorizationStatus, IdTagInfo, SendLocalList

CACHE_ENTRIES_MAX = 1000  # regulars of a site; 300 bytes each
CACHE_UNUSED_MS = 30 * 24 * 3_600_000  # privacy: who has not come for 30 days is forgotten

KeyOf = Callable[[str], str]


class UpdateStatus(StrEnum):
    """Status in SendLocalList.conf."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_SUPPORTED = "NotSupported"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalList:
    """The list as the Central System sent it, by key of the id tag."""

    version: int = 0
    entries: Mapping[str, IdTagInfo] = field(default_factory=dict, repr=False)

    @property
    def told_version(self) -> int:
        """The version to tell: 0 is reserved for an empty list (OCPP 1.6, 5.10)."""
        return self.version if self.entries else 0

    def contradicted(self, key: str, info: IdTagInfo) -> bool:
        """Return whether the Central System contradicts the list; to say that an id charges elsewhere does not."""
        listed = self.entries.get(key)
        if listed is None or info.status is AuthorizationStatus.CONCURRENT_TX:
            return False
        return (listed.status is AuthorizationStatus.ACCEPTED) is not (info.status is AuthorizationStatus.ACCEPTED)

    def updated(self, update: SendLocalList, keys: KeyTable, key_of: KeyOf) -> tuple[UpdateStatus, LocalList]:
        """Return the list after an update and how the update is answered; a refused one changes nothing."""
        if not keys.flag("LocalAuthListEnabled"):
            return UpdateStatus.NOT_SUPPORTED, self
        if not update.full and update.version <= self.version:
            return UpdateStatus.VERSION_MISMATCH, self
        named = [key_of(entry.id_tag) for entry in update.entries]
        doubled = any(times > 1 for times in Counter(named).values())
        bare = update.full and any(entry.info is None for entry in update.entries)
        too_many = len(named) > keys.number("SendLocalListMaxLength")
        if update.version < 1 or doubled or bare or too_many:
            return UpdateStatus.FAILED, self
        entries = {} if update.full else dict(self.entries)
        for key, entry in zip(named, update.entries, strict=True):
            if entry.info is None:
                entries.pop(key, None)
            else:
                entries[key] = entry.info
        if len(entries) > keys.number("LocalAuthListMaxLength"):
            return UpdateStatus.FAILED, self
        return UpdateStatus.ACCEPTED, LocalList(version=update.version, entries=entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """What the Central System last said about an id, and when it was last used on the location's clock."""

    info: IdTagInfo
    used_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Answers of the Central System, by key of the id tag."""

    entries: Mapping[str, Cached] = field(default_factory=dict, repr=False)

    def noted(self, key: str, info: IdTagInfo, local: LocalList, now_ms: int) -> Cache:
        """Return the cache after an answer. Ids of the local list are not cached (OCPP 1.6, 3.5.3)."""
        kept = {one: cached for one, cached in self.entries.items() if now_ms - cached.used_ms < CACHE_UNUSED_MS}
        kept.pop(key, None)
        if key not in local.entries:
            kept[key] = Cached(info=info, used_ms=now_ms)
        while len(kept) > CACHE_ENTRIES_MAX:
            kept.pop(min(kept, key=lambda one: _worth(one, kept[one])))
        return Cache(entries=kept)

    def without(self, local: LocalList) -> Cache:
        """Return the cache without the ids of a list: the same one if it has none of them."""
        if self.entries.keys().isdisjoint(local.entries):
            return self
        return Cache(entries={key: cached for key, cached in self.entries.items() if key not in local.entries})


def _worth(key: str, cached: Cached) -> tuple[bool, int, str]:
    """Order of eviction: what is not valid first, then what was not used for longest (OCPP 1.6, 3.5.1)."""
    return (cached.info.status is AuthorizationStatus.ACCEPTED, cached.used_ms, key)


class Source(Enum):
    """Where a judgement comes from."""

    LOCAL_LIST = "local list"
    CACHE = "cache"
    OFFLINE_RULE = "AllowOfflineTxForUnknownId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The answer is known here."""

    info: IdTagInfo
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCentral:
    """The Central System is to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncheckable:
    """Nobody can be asked, and nothing here allows it."""


Judgement = Known | AskCentral | Uncheckable


def judge(key: str, *, online: bool, utc_ms: int | None, local: LocalList, cache: Cache, keys: KeyTable) -> Judgement:
    """Return what is to be done with an id. `utc_ms` None: expiry dates cannot be checked and are taken as future."""
    found = _found(key, local, cache, keys)
    if found is None:
        if online:
            return AskCentral()
        if keys.flag("AllowOfflineTxForUnknownId"):  # 1.6, 3.5.4: for ids that nothing is known of
            return Known(info=IdTagInfo(status=AuthorizationStatus.ACCEPTED), source=Source.OFFLINE_RULE)
        return Uncheckable()
    info, source = _expired(found[0], utc_ms), found[1]
    accepted = info.status is AuthorizationStatus.ACCEPTED
    if online:
        return Known(info=info, source=source) if accepted and keys.flag("LocalPreAuthorize") else AskCentral()
    if accepted and not keys.flag("LocalAuthorizeOffline"):
        return Uncheckable()
    return Known(info=info, source=source)


def _found(key: str, local: LocalList, cache: Cache, keys: KeyTable) -> tuple[IdTagInfo, Source] | None:
    if keys.flag("LocalAuthListEnabled") and key in local.entries:
        return local.entries[key], Source.LOCAL_LIST
    if keys.flag("AuthorizationCacheEnabled") and key in cache.entries:
        return cache.entries[key].info, Source.CACHE
    return None


def _expired(info: IdTagInfo, utc_ms: int | None) -> IdTagInfo:
    lapsed = info.expiry_utc_ms is not None and utc_ms is not None and info.expiry_utc_ms <= utc_ms
    if lapsed and info.status is AuthorizationStatus.ACCEPTED:
        return IdTagInfo(status=AuthorizationStatus.EXPIRED, parent_id_tag=info.parent_id_tag)
    return info
