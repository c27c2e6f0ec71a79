"""The same request_id gives the same answer: at once, later, after a restart, on a bad disk."""

import asyncio
import json
from pathlib import Path

from partner_fixtures import CPO, EMP, OEM, UTC_MS, check_in, house, transfers
from shared_fixtures import FailingJournal, open_journal

from drivers.twin.clock import ManualClock


async def test_a_repetition_gets_the_stored_answer_over_a_restart(tmp_path: Path) -> None:
    body = check_in("A")
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        first = await made.partners.handle(EMP, "CheckIn", body)
        second = await made.partners.handle(EMP, "CheckIn", body)
        assert (second.envelope, second.repeated) == (first.envelope, True)
    journal.close()
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        again = await made.partners.handle(EMP, "CheckIn", dict(reversed(body.items())))
        assert (again.envelope, again.repeated) == (first.envelope, True)
        assert len(made.runner.site.check_ins) == 1
    journal.close()


async def test_equal_json_values_are_the_same_body(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in("A", request_id="Case-1", energy_need=10)
        first = await made.partners.handle(EMP, "CheckIn", body)
        same = {**body, "energy_need": 10.0, "replaces": None}
        assert (await made.partners.handle(EMP, "CheckIn", same)).envelope == first.envelope
        other = {**body, "request_id": "CASE-1", "energy_need": 11}
        reused = await made.partners.handle(EMP, "CheckIn", other)
        assert (reused.result, reused.kind.status_code, reused.kind.http) == ("REQUEST_ID_REUSED", 2900, 200)
        about = first.envelope["data"]["check_in"]["check_in_id"]
        crossed = await made.partners.handle(EMP, "CheckOut", {"request_id": "Case-1", "check_in_id": about})
        assert crossed.result == "REQUEST_ID_REUSED"
    journal.close()


async def test_ids_are_each_partners_own(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        leave = {"request_id": "same", "check_in_id": "c-1"}
        await made.partners.handle(EMP, "CheckOut", leave)
        other = await made.partners.handle(OEM, "CheckOut", {**leave, "check_in_id": "c-2"})
        assert (other.result, other.repeated) == ("CHECKIN_UNKNOWN", False)
    journal.close()


async def test_twenty_at_once_are_one_check_in(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in("A")
        replies = await asyncio.gather(*(made.partners.handle(EMP, "CheckIn", body) for _ in range(20)))
        assert len(made.runner.site.check_ins) == 1
        assert all(reply.envelope == replies[0].envelope for reply in replies)
        other = asyncio.gather(
            made.partners.handle(EMP, "CheckIn", check_in("B", request_id="race")),
            made.partners.handle(EMP, "CheckIn", check_in("C", request_id="race")),
        )
        assert sorted(reply.result for reply in await other) == ["ACCEPTED", "REQUEST_ID_REUSED"]
    journal.close()


async def test_a_caller_that_goes_away_finds_the_answer_later(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in("A")
        call = asyncio.ensure_future(made.partners.handle(EMP, "CheckIn", body))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await made.partners.handle(EMP, "CheckIn", body)).result == "ACCEPTED"
        assert len(made.runner.site.check_ins) == 1
    journal.close()


async def test_the_same_answer_over_both_carriages(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in("A")
        told = await transfers(made).receive("CheckIn", json.dumps(body))
        again = await transfers(made).receive("CheckIn", body)
        assert told.status == again.status == "Accepted"
        assert isinstance(told.data, str)
        assert json.loads(told.data) == again.data
    journal.close()


async def test_a_refusal_is_stored_and_a_malformed_body_is_not(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in("A", pool_id="NONE")
        refused = await made.partners.handle(EMP, "CheckIn", body)
        assert (await made.partners.handle(EMP, "CheckIn", body)).envelope == refused.envelope
        bad = check_in("B")
        del bad["pool_id"]
        assert (await made.partners.handle(EMP, "CheckIn", bad)).result == "BAD_REQUEST"
        assert (await made.partners.handle(EMP, "CheckIn", {**bad, "pool_id": "CCS300"})).result == "ACCEPTED"
    journal.close()


async def test_an_old_uuid7_is_stale_unless_the_clock_is_untrusted(tmp_path: Path) -> None:
    def uuid7(utc_ms: int) -> str:
        digits = f"{utc_ms:012x}"
        return f"{digits[:8]}-{digits[8:]}-7c41-9d0e-5a1f6f0b2c11"

    day_ms = 24 * 3_600_000
    old, young = uuid7(UTC_MS - 8 * day_ms), uuid7(UTC_MS - 6 * day_ms)
    journal = open_journal(tmp_path / "trusted")
    async with house(journal) as made:
        assert (await made.ask(EMP, "CheckIn", check_in("A", request_id=old)))["result"] == "STALE"
        assert (await made.ask(EMP, "CheckIn", check_in("A", request_id=young)))["result"] == "ACCEPTED"
    journal.close()
    journal = open_journal(tmp_path / "untrusted")
    async with house(journal, trusted=False) as made:
        assert (await made.ask(EMP, "CheckIn", check_in("A", request_id=old)))["result"] == "ACCEPTED"
    journal.close()


async def test_a_failing_disk_is_admitted_and_repetitions_do_no_harm(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    port, clock = FailingJournal(journal), ManualClock()
    async with house(journal, clock=clock, port=port) as made:
        port.broken = True
        body = check_in("A")
        first = await made.partners.handle(EMP, "CheckIn", body)
        assert first.envelope["data"]["check_in"]["provisional"] is True
        again = await made.partners.handle(EMP, "CheckIn", body)
        assert (again.envelope, again.repeated) == (first.envelope, True)
        port.broken = False
        await made.clock.advance(6)
        await made.runner.idle()
        assert not made.runner.provisional
        stored = await made.partners.handle(EMP, "CheckIn", body)
        assert stored.repeated
        assert "provisional" not in stored.envelope["data"]["check_in"]
        assert len(made.runner.site.check_ins) == 1
    journal.close()


async def test_beyond_what_can_be_promised_nothing_is_stored_or_changed(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    port = FailingJournal(journal)
    async with house(journal, port=port) as made:
        port.broken = True
        results = []
        for _ in range(51):
            await made.clock.advance(0.1)
            results.append((await made.partners.handle(CPO, "CheckIn", check_in())).result)
        assert results[-1] == "CANNOT_STORE"
        assert results.count("ACCEPTED") == 50
    journal.close()


async def test_a_replayed_day_changes_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    said: list[tuple[str, dict[str, object]]] = []
    async with house(journal) as made:

        async def ask(operation: str, body: dict[str, object]) -> dict[str, object]:
            said.append((operation, body))
            await made.clock.advance(61)
            return await made.ask(EMP, operation, body)

        await made.take_all()
        for number in range(6):
            data = await ask("CheckIn", check_in(f"DAY{number}"))
            told = data["check_in"]
            assert isinstance(told, dict)
            about = {"check_in_id": told["check_in_id"]}
            await ask("Snooze", {"request_id": f"day-s{number}", "minutes": 5, **about})
            if number % 2:
                await ask("CheckOut", {"request_id": f"day-o{number}", **about})
    journal.close()
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        before, head = made.runner.site, journal.head
        for operation, body in said:
            await made.clock.advance(0.1)
            assert (await made.partners.handle(EMP, operation, body)).repeated
        assert made.runner.site.check_ins.keys() == before.check_ins.keys()
        assert [c.state for c in made.runner.site.check_ins.values()] == [c.state for c in before.check_ins.values()]
        assert journal.head == head
    journal.close()


async def test_the_journal_knows_no_id_of_a_user(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.ask(EMP, "CheckIn", check_in("MARKER77"))
        events = repr([stored.event for stored in journal.events(0, 1000)])
        assert "CheckedIn" in events
        assert "MARKER77" not in events
        (request_id,) = {f"req-{n}" for n in range(200) if journal.receipt(EMP.key, f"req-{n}")}
        receipt = journal.receipt(EMP.key, request_id)
        assert receipt is not None
        assert b"MARKER77" not in receipt.answer
    journal.close()
