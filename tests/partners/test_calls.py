"""Calling out: only where the operator allowed it, to the address that was checked, no further."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from partner_fixtures import partner
from receiver import Receiver, reachable, receiving

from agent.kernel.outside import Outside
from agent.partners.calls import Delivered, Forbidden, HttpCalls, Outcome, check_address, receipt_of, system_resolve

OPEN = partner("emp", hosts=frozenset({"emp.example", "10.1.2.3", "169.254.169.254"}))
NEAR = replace(OPEN, allow_http=True)

BODY = (
    b'{"operation":"PoolUpdate","location_id":"N","location_last_updated":"2026-11-25T13:00:00Z","pools":'
    b'[{"pool_id":"P","status":"OPEN","queue_length":0,"evses_free":0,"evses_in_service":0,'
    b'"reservation_required":false,"sequence":1,"last_updated":"2026-11-25T13:00:00Z"}]}'
)

# (partner, scheme, host, address, allowed)
ADDRESSES = (
    (OPEN, "https", "emp.example", "93.184.216.34", True),
    (OPEN, "https", "emp.example", "2606:2800:220:1:248:1893:25c8:1946", True),
    (OPEN, "http", "emp.example", "93.184.216.34", False),
    (NEAR, "http", "emp.example", "93.184.216.34", False),
    (OPEN, "https", "emp.example", "127.0.0.1", False),
    (OPEN, "https", "emp.example", "::1", False),
    (OPEN, "https", "emp.example", "10.0.0.7", False),
    (OPEN, "https", "emp.example", "172.16.4.4", False),
    (OPEN, "https", "emp.example", "192.168.1.1", False),
    (OPEN, "https", "emp.example", "100.64.0.1", False),
    (OPEN, "https", "emp.example", "fd00::1", False),
    (OPEN, "https", "emp.example", "fe80::1", False),
    (OPEN, "https", "emp.example", "fe80::1%eth0", False),
    (OPEN, "https", "emp.example", "0.0.0.0", False),
    (OPEN, "https", "emp.example", "::", False),
    (OPEN, "https", "emp.example", "::ffff:127.0.0.1", False),
    (OPEN, "https", "emp.example", "::ffff:10.0.0.7", False),
    (OPEN, "https", "emp.example", "64:ff9b::7f00:1", False),
    (OPEN, "https", "emp.example", "2002:7f00:1::", False),
    (OPEN, "https", "emp.example", "224.0.0.1", False),
    (OPEN, "https", "emp.example", "240.0.0.1", False),
    (OPEN, "https", "10.1.2.3", "10.1.2.3", True),
    (OPEN, "http", "10.1.2.3", "10.1.2.3", False),
    (NEAR, "http", "emp.example", "10.0.0.7", True),
    (NEAR, "http", "emp.example", "127.0.0.1", True),
    (NEAR, "https", "emp.example", "192.168.1.1", True),
    (NEAR, "http", "169.254.169.254", "169.254.169.254", False),
    (NEAR, "https", "emp.example", "::ffff:169.254.169.254", False),
)


@pytest.mark.parametrize("number", range(len(ADDRESSES)), ids=[f"{a[1]}-{a[3]}-{a[4]}" for a in ADDRESSES])
def test_addresses_that_may_be_called(number: int) -> None:
    who, scheme, host, address, allowed = ADDRESSES[number]
    if allowed:
        check_address(who, scheme, host, address)
    else:
        with pytest.raises(Forbidden):
            check_address(who, scheme, host, address)


def calls_to(*answers: Sequence[str]) -> HttpCalls:
    """Calls with a resolver that gives one answer after the other: what a hostile one would do."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return left.pop(0)

    return HttpCalls(lambda: 1, resolve)


async def test_a_name_is_resolved_once_and_that_address_called() -> None:
    async with receiving() as receiver:
        who = replace(reachable(receiver), hosts=frozenset({"emp.example"}))
        calls = calls_to(["127.0.0.1"])  # a second question would fail
        told = await calls.post(who, f"http://emp.example:{receiver.port}/x", BODY)
        assert (told.outcome, told.receipt) == (Outcome.DELIVERED, "ACCEPTED")
        assert receiver.raw[0][1]["Host"] == f"emp.example:{receiver.port}"


async def test_one_bad_address_spoils_the_name() -> None:
    calls = calls_to(["93.184.216.34", "127.0.0.1"])
    told = await calls.post(OPEN, "https://emp.example/x", b"{}")
    assert told.outcome is Outcome.FINAL
    assert "loopback" in told.problem


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "https://emp.example.evil.example/x",
        "https://emp.example@evil.example/x",
        "http://2130706433/x",
        "http://0x7f.1/x",
        "http://[::1]/x",
        "http://localhost/x",
    ],
)
async def test_hosts_beside_the_allow_list_are_not_even_resolved(url: str) -> None:
    told = await calls_to().post(NEAR, url, b"{}")
    assert told.outcome is Outcome.FINAL
    assert "allow-list" in told.problem


async def test_a_decimal_host_is_judged_by_its_address() -> None:
    found = await system_resolve("2130706433", 443)
    assert list(found) == ["127.0.0.1"]
    who = replace(OPEN, hosts=frozenset({"2130706433"}))
    told = await HttpCalls(lambda: 1).post(who, "https://2130706433/x", b"{}")
    assert told.outcome is Outcome.FINAL


OUTCOMES = (
    (200, Outcome.DELIVERED),
    (204, Outcome.DELIVERED),
    (301, Outcome.FINAL),
    (307, Outcome.FINAL),
    (400, Outcome.FINAL),
    (401, Outcome.FINAL),
    (404, Outcome.FINAL),
    (408, Outcome.AGAIN),
    (429, Outcome.AGAIN),
    (500, Outcome.AGAIN),
    (503, Outcome.AGAIN),
)


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES)
async def test_statuses_and_what_becomes_of_a_message(status: int, outcome: Outcome) -> None:
    async with receiving() as receiver:
        receiver.status = status
        receiver.headers = {"Location": "http://127.0.0.1:1/"} if status in (301, 307) else {}
        told = await _post(receiver)
        assert told.outcome is outcome


async def test_a_closed_port_is_tried_again() -> None:
    async with receiving() as receiver:
        who, url = reachable(receiver), receiver.url
    told = await HttpCalls(lambda: 1).post(who, url, b"{}")
    assert told.outcome is Outcome.AGAIN


async def test_nobody_is_called_while_the_line_is_cut_and_they_are_again_when_it_is_mended() -> None:
    outside = Outside()
    calls = HttpCalls(lambda: 1, outside=outside)
    async with receiving() as receiver:
        outside.cut()
        told = await calls.post(reachable(receiver), receiver.url, BODY)
        assert (told.outcome, receiver.raw) == (Outcome.AGAIN, [])
        outside.restore()
        told = await calls.post(reachable(receiver), receiver.url, BODY)
        assert (told.outcome, len(receiver.raw)) == (Outcome.DELIVERED, 1)


async def test_a_compressed_or_endless_answer_is_no_receipt() -> None:
    async with receiving() as receiver:
        receiver.answer = b"x" * 200_000
        assert (await _post(receiver)).receipt == "UNREADABLE"
        receiver.answer, receiver.headers = b"\x1f\x8b" + b"x" * 100, {"Content-Encoding": "gzip"}
        assert (await _post(receiver)).receipt == "UNREADABLE"


async def test_a_receiver_that_never_answers_is_given_up_in_time() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    receiver = Receiver(port=server.sockets[0].getsockname()[1])
    told = await HttpCalls(lambda: 1, call_s=0.1).post(reachable(receiver), receiver.url, BODY)
    assert (told.outcome, told.problem) == (Outcome.AGAIN, "no answer within 0.1 s")
    await gone.wait()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (b"", "ACCEPTED"),
        (b" \n", "ACCEPTED"),
        (b'{"data":{"result":"UNDELIVERABLE"}}', "UNDELIVERABLE"),
        (b'{"data":{}}', "UNREADABLE"),
        (b"[]", "UNREADABLE"),
        (b"<html>", "UNREADABLE"),
        (b'{"data":{"result":7}}', "UNREADABLE"),
    ],
)
def test_receipts(answer: bytes, receipt: str) -> None:
    assert receipt_of(answer) == receipt


async def _post(receiver: Receiver) -> Delivered:
    return await HttpCalls(lambda: 1).post(reachable(receiver), receiver.url, BODY)
