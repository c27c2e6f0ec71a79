"""Who somebody is: the site key, subjects, presence codes and the authoriser."""

import asyncio
from pathlib import Path

import pytest

from agent.core.inputs import Verdict
from agent.core.layout import CheckInId
from agent.journal.turn import PutSubject
from agent.kernel.authoriser import Authoriser, ConfiguredTokens, Judged
from agent.kernel.presence import (
    JOINS_PER_DISPLAY,
    LIVE_WINDOWS,
    WRONG_SCANS,
    WRONG_SCANS_EACH,
    WRONG_TRIES,
    Presence,
    Proof,
    Way,
)
from agent.kernel.secrets import KeyUnusableError, SiteKey, load_site_key
from agent.kernel.subjects import Subjects

KEY = SiteKey(bytes(range(32)))


def test_the_site_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    made = load_site_key(path)
    assert load_site_key(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert repr(made) == "SiteKey()"


def test_a_damaged_site_key_is_not_replaced_silently(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    path.write_bytes(b"short")
    with pytest.raises(KeyUnusableError, match="5 bytes instead of 32"):
        load_site_key(path)


def test_a_site_key_that_was_lost_is_made_anew_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_site_key(tmp_path / "first.key")
    assert caplog.text == ""
    load_site_key(tmp_path / "lost.key", head=7)
    assert "site_key=missing" in caplog.text


def test_own_page_addresses_are_long_stable_and_all_different() -> None:
    addresses = {KEY.page_address(CheckInId(n)) for n in range(1000)}
    assert len(addresses) == 1000
    assert all(len(a) == 26 and a.isalnum() and a == a.lower() for a in addresses)
    assert KEY.page_address(CheckInId(7)) != SiteKey(bytes(32)).page_address(CheckInId(7))


class _Rows:
    """A subject table in memory."""

    def __init__(self) -> None:
        self.rows: list[PutSubject] = []

    def subject(self, ref: str) -> PutSubject | None:
        """Find by reference."""
        return next((r for r in self.rows if r.ref == ref), None)

    def subject_by_lookup(self, kind: str, lookup: bytes) -> PutSubject | None:
        """Find by keyed hash."""
        return next((r for r in self.rows if r.kind == kind and r.lookup == lookup), None)


def test_one_card_has_one_reference_before_and_after_it_is_stored() -> None:
    rows = _Rows()
    subjects = Subjects(rows, KEY)
    first = subjects.of("token", "DEADBEEF")
    again = subjects.of("token", "deadbeef")
    assert first.ref == again.ref
    assert first.writes
    assert again.writes == first.writes
    rows.rows += [w for w in first.writes if isinstance(w, PutSubject)]
    assert subjects.of("token", "DeadBeef").writes == ()
    assert subjects.value(first.ref) == "DEADBEEF"
    assert subjects.of("device", "DEADBEEF").ref != first.ref
    assert "DEADBEEF" not in first.ref


def test_a_presence_code_lives_for_two_windows() -> None:
    presence = Presence(displays=1, key=b"k" * 32)
    code = presence.code(1000.0)
    assert len(code) == 6
    assert presence.judge(code, Way.TYPED, 1000.0) == (Proof.PRESENT, 16)
    assert presence.judge(code, Way.TYPED, 1060.0) == (Proof.PRESENT, 16)
    assert presence.judge(code, Way.TYPED, 1120.0)[0] is Proof.EXPIRED
    assert Presence(displays=1, key=b"x" * 32).judge(code, Way.TYPED, 1000.0)[0] is Proof.WRONG


def test_guessing_typed_codes_pauses_the_typed_way_and_leaves_the_scanned_one_open() -> None:
    presence = Presence(displays=1, key=b"k" * 32)
    good = presence.code(0.0)
    wrong = "000000" if good != "000000" else "000001"
    for _ in range(WRONG_TRIES):
        assert presence.judge(wrong, Way.TYPED, 0.0)[0] is Proof.WRONG
    assert presence.judge(good, Way.TYPED, 0.0)[0] is Proof.TOO_MANY
    assert presence.judge(good, Way.SCANNED, 0.0)[0] is Proof.PRESENT
    assert presence.judge(presence.code(61.0), Way.TYPED, 61.0)[0] is Proof.PRESENT


def test_wrong_scans_from_one_address_shut_out_that_address_and_nobody_else() -> None:
    presence = Presence(displays=1, key=b"k" * 32)
    good = presence.code(0.0)
    wrong = "000000" if good != "000000" else "000001"
    for _ in range(WRONG_SCANS_EACH):
        assert presence.judge(wrong, Way.SCANNED, 0.0, "10.0.0.7")[0] is Proof.WRONG
    assert presence.judge(good, Way.SCANNED, 0.0, "10.0.0.7")[0] is Proof.TOO_MANY
    assert presence.judge(good, Way.SCANNED, 0.0, "10.0.0.8")[0] is Proof.PRESENT
    assert presence.judge(good, Way.TYPED, 0.0, "10.0.0.7")[0] is Proof.PRESENT
    for number in range(WRONG_SCANS):
        presence.judge(wrong, Way.SCANNED, 0.0, f"10.0.1.{number}")
    assert presence.judge(good, Way.SCANNED, 0.0, "10.0.0.8")[0] is Proof.TOO_MANY
    assert presence.judge(presence.code(61.0), Way.SCANNED, 61.0, "10.0.0.7")[0] is Proof.PRESENT


def test_one_window_takes_few_joins_for_each_display() -> None:
    presence = Presence(displays=2, key=b"k" * 32)
    code = presence.code(0.0)
    for _ in range(2 * JOINS_PER_DISPLAY):
        proof, window = presence.judge(code, Way.SCANNED, 0.0)
        assert proof is Proof.PRESENT
        presence.joined(window)
    assert presence.judge(code, Way.SCANNED, 0.0)[0] is Proof.TOO_MANY


def test_what_is_no_digits_at_all_is_a_wrong_code() -> None:
    presence = Presence(displays=1, key=b"k" * 32)
    for evil in ("", "\udcff" * 6, "١٢٣٤٥٦", "0" * 10_000, "12345\x00"):
        assert presence.judge(evil, Way.TYPED, 0.0)[0] is Proof.WRONG


def test_a_year_of_windows_is_not_remembered() -> None:
    presence = Presence(displays=1, key=b"k" * 32)
    for window in range(10_000):
        presence.joined(window)
    assert len(presence._joins) <= LIVE_WINDOWS + 1


class _Counting:
    """A source that counts its questions and answers when told."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Answer late."""
        assert kind == "ISO14443"
        self.asked += 1
        await self.go.wait()
        return Judged(verdict=Verdict.ACCEPTED, group="FLEET") if id_token == "GOOD" else None


async def test_the_same_card_is_asked_once_at_a_time() -> None:
    source = _Counting()
    authoriser = Authoriser([source])
    both = [asyncio.ensure_future(authoriser.judge("GOOD", "ISO14443")) for _ in range(2)]
    await asyncio.sleep(0)
    source.go.set()
    assert [j.group for j in await asyncio.gather(*both)] == ["FLEET", "FLEET"]
    assert source.asked == 1


async def test_what_no_source_knows_is_uncheckable() -> None:
    configured = ConfiguredTokens({"GOOD": Judged(verdict=Verdict.ACCEPTED)}, unknown=None)
    authoriser = Authoriser([configured])
    assert (await authoriser.judge("good", "ISO14443")).verdict is Verdict.ACCEPTED
    assert (await authoriser.judge("other", "ISO14443")).verdict is Verdict.UNCHECKABLE


class _Breaks:
    """A source with a bug."""

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Fail, naming the id."""
        raise ZeroDivisionError(id_token + kind)


class _Hangs:
    """A source that never answers."""

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError(id_token + kind)


async def test_a_source_that_fails_or_hangs_passes_the_question_on_and_no_id_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = ConfiguredTokens({"SECRETCARD": Judged(verdict=Verdict.ACCEPTED)}, unknown=None)
    authoriser = Authoriser([_Breaks(), _Hangs(), known], limit_s=0.01)
    assert (await authoriser.judge("SECRETCARD", "ISO14443")).verdict is Verdict.ACCEPTED
    assert caplog.text.count("state=failed") == 2
    assert "SECRETCARD" not in caplog.text


async def test_who_asks_and_leaves_takes_nobodys_answer_away() -> None:
    source = _Counting()
    authoriser = Authoriser([source])
    leaves, stays = (asyncio.ensure_future(authoriser.judge("GOOD", "ISO14443")) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    source.go.set()
    assert (await stays).verdict is Verdict.ACCEPTED
