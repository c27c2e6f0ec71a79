"""agent/ocpp/v16/authorisation.py: local list, cache, and the rules over both, online and offline."""

from __future__ import annotations

import pytest

from agent.ocpp.v16.authorisation import (
    CACHE_ENTRIES_MAX,
    CACHE_UNUSED_MS,
    AskCentral,
    Cache,
    Judgement,
    Known,
    LocalList,
    Source,
    Uncheckable,
    UpdateStatus,
    judge,
)
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.types import AuthorizationStatus, IdTagInfo, ListEntry, SendLocalList

ACCEPTED = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
BLOCKED = IdTagInfo(status=AuthorizationStatus.BLOCKED)
EXPIRING = IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_utc_ms=1000)


def keys(**changed: str) -> KeyTable:
    return KeyTable(stored=changed)


def update(version: int, full: bool, **entries: IdTagInfo | None) -> SendLocalList:
    listed = tuple(ListEntry(id_tag=tag, info=info) for tag, info in entries.items())
    return SendLocalList(version=version, full=full, entries=listed)


def applied(local: LocalList, sent: SendLocalList, table: KeyTable | None = None) -> tuple[UpdateStatus, LocalList]:
    return local.updated(sent, table or keys(), str.casefold)


LISTED = LocalList(version=2, entries={"a": ACCEPTED, "b": BLOCKED})


def test_full_update_replaces_and_an_empty_one_clears() -> None:
    assert applied(LISTED, update(1, True, C=ACCEPTED)) == (
        UpdateStatus.ACCEPTED,
        LocalList(version=1, entries={"c": ACCEPTED}),
    )
    _, cleared = applied(LISTED, update(3, True))
    assert cleared.told_version == 0


def test_differential_update_adds_changes_and_removes() -> None:
    _, after = applied(LISTED, update(3, False, A=BLOCKED, B=None, C=ACCEPTED))
    assert after == LocalList(version=3, entries={"a": BLOCKED, "c": ACCEPTED})


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (update(2, False, C=ACCEPTED), UpdateStatus.VERSION_MISMATCH),
        (update(1, False, C=ACCEPTED), UpdateStatus.VERSION_MISMATCH),
        (update(0, True, C=ACCEPTED), UpdateStatus.FAILED),
        (update(3, True, C=None), UpdateStatus.FAILED),
        (update(3, True, C=ACCEPTED, c=ACCEPTED), UpdateStatus.FAILED),
        (update(3, True, **{f"id{number}": ACCEPTED for number in range(501)}), UpdateStatus.FAILED),
    ],
)
def test_update_that_breaks_the_rules_changes_nothing(sent: SendLocalList, status: UpdateStatus) -> None:
    assert applied(LISTED, sent) == (status, LISTED)


def test_update_is_not_supported_while_the_list_is_disabled() -> None:
    assert applied(LISTED, update(3, True), keys(LocalAuthListEnabled="false")) == (UpdateStatus.NOT_SUPPORTED, LISTED)


def test_list_that_would_grow_beyond_its_limit_is_not_changed() -> None:
    local = LocalList(version=1, entries={str(number): ACCEPTED for number in range(5000)})
    assert applied(local, update(2, False, more=ACCEPTED)) == (UpdateStatus.FAILED, local)


def test_cache_keeps_the_last_answer_but_not_what_the_list_has() -> None:
    cache = Cache().noted("x", ACCEPTED, LISTED, 0).noted("x", BLOCKED, LISTED, 1).noted("a", BLOCKED, LISTED, 2)
    assert {key: cached.info for key, cached in cache.entries.items()} == {"x": BLOCKED}


def test_full_cache_gives_up_what_is_not_valid_first_then_the_oldest() -> None:
    cache = Cache()
    for number in range(CACHE_ENTRIES_MAX):
        cache = cache.noted(f"k{number}", BLOCKED if number == 500 else ACCEPTED, LISTED, number)
    cache = cache.noted("new", ACCEPTED, LISTED, 5000)
    assert "k500" not in cache.entries
    cache = cache.noted("newer", ACCEPTED, LISTED, 5001)
    assert "k0" not in cache.entries
    assert len(cache.entries) == CACHE_ENTRIES_MAX


def test_cache_forgets_who_has_not_come_for_30_days() -> None:
    cache = Cache().noted("x", ACCEPTED, LISTED, 0).noted("y", ACCEPTED, LISTED, CACHE_UNUSED_MS)
    assert set(cache.entries) == {"y"}


CACHE = Cache().noted("cached", ACCEPTED, LISTED, 0).noted("bad", BLOCKED, LISTED, 0)


def asked(key: str, online: bool, utc_ms: int | None = 0, **changed: str) -> Judgement:
    local = LocalList(version=2, entries={**LISTED.entries, "old": EXPIRING})
    return judge(key, online=online, utc_ms=utc_ms, local=local, cache=CACHE, keys=keys(**changed))


def test_online_the_central_system_is_asked_unless_pre_authorisation_is_on() -> None:
    assert asked("a", True) == AskCentral()
    assert asked("a", True, LocalPreAuthorize="true") == Known(info=ACCEPTED, source=Source.LOCAL_LIST)
    assert asked("cached", True, LocalPreAuthorize="true") == Known(info=ACCEPTED, source=Source.CACHE)


def test_online_an_id_that_is_listed_as_not_accepted_is_asked_for() -> None:
    assert asked("b", True, LocalPreAuthorize="true") == AskCentral()
    assert asked("bad", True, LocalPreAuthorize="true") == AskCentral()


def test_offline_list_and_cache_decide() -> None:
    assert asked("a", False) == Known(info=ACCEPTED, source=Source.LOCAL_LIST)
    assert asked("b", False) == Known(info=BLOCKED, source=Source.LOCAL_LIST)
    assert asked("cached", False) == Known(info=ACCEPTED, source=Source.CACHE)
    assert asked("a", False, LocalAuthorizeOffline="false") == Uncheckable()
    assert asked("cached", False, AuthorizationCacheEnabled="false") == Uncheckable()


def test_offline_unknown_ids_start_only_where_the_operator_allows_it_and_blocked_ones_never() -> None:
    assert asked("stranger", False) == Uncheckable()
    known = asked("stranger", False, AllowOfflineTxForUnknownId="true")
    assert known == Known(info=ACCEPTED, source=Source.OFFLINE_RULE)
    assert asked("b", False, AllowOfflineTxForUnknownId="true") == Known(info=BLOCKED, source=Source.LOCAL_LIST)


def test_expiry_counts_when_the_clock_is_trusted() -> None:
    def status(utc_ms: int | None) -> AuthorizationStatus:
        judgement = asked("old", False, utc_ms)
        assert isinstance(judgement, Known)
        return judgement.info.status

    assert status(999) is AuthorizationStatus.ACCEPTED
    assert status(1000) is AuthorizationStatus.EXPIRED
    assert status(None) is AuthorizationStatus.ACCEPTED
