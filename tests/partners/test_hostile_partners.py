"""Partners who lie about lengths and encodings, name addresses that are none, and ask in floods."""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
from pathlib import Path

import pytest
from partner_fixtures import EMP, OEM, TOKENS, check_in, house, served
from receiver import reachable, receiving
from shared_fixtures import open_journal

from agent.partners.calls import HttpCalls, Outcome


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-unheard-of"])
async def test_a_compressed_body_is_refused_before_it_is_unpacked(encoding: str, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        headers = {"Content-Encoding": encoding, "Connection": "close"}
        for data in (b"not compressed at all", gzip.compress(b" " * 1_000_000)):
            told = await client.call("POST", "/1.0/CheckIn", data=data, headers=headers)
            assert told.status == 400
            assert told.json["status_code"] == 2001
        assert (await client.call("POST", "/1.0/CheckIn", body=check_in("A"))).status == 200
    journal.close()


async def test_a_body_that_breaks_off_changes_nothing_and_costs_one_place_for_a_moment(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        token = base64.b64encode(TOKENS["emp"].encode()).decode()
        base = str(client.session._base_url)
        port = int(base.rstrip("/").rpartition(":")[2])
        for _ in range(12):  # more than one credential may have at once
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /sequere/1.0/CheckIn HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\n"
            writer.write(f"{head}Content-Length: 500\r\n\r\n{{".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        told = await client.call("POST", "/1.0/CheckIn", body=check_in("A"))
        assert told.status == 200
        assert len(made.runner.site.check_ins) == 1
    journal.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://emp.example:0/x",
        "https://emp.example:99999/x",
        "https://emp.example:x/",
        "https://emp.example:-1/",
        "https://emp.example#@evil.example/",
        "https://emp.example\\@evil.example/",
        "https://emp.example\\.evil.example/",
        "https://u:p@emp.example/",
        "https://emp.example./",
        "https://[::1",
        "https://",
    ],
)
async def test_an_address_that_is_none_is_refused_with_the_request(url: str, tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        told = await made.ask(EMP, "CheckIn", check_in("A", response_url=url))
        assert told["result"] == "BAD_REQUEST"
        assert not made.runner.site.check_ins
    journal.close()


async def test_an_address_that_is_none_is_not_tried_again() -> None:
    async with receiving() as receiver:
        who = reachable(receiver)
        told = await HttpCalls(lambda: 1).post(who, f"http://127.0.0.1:{receiver.port}x/", b"{}")
        assert (told.outcome, told.problem) == (Outcome.FINAL, "no such address")


async def test_a_flood_of_nonsense_is_within_the_rate_and_fills_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stationmaster.partners")
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        statuses = [(await client.call("POST", "/1.0/CheckIn", data=b"{")).status for _ in range(120)]
        assert statuses == [400] * 50 + [429] * 70
        assert caplog.text.count("result=BUSY") == 1
        assert (await made.ask(OEM, "CheckOut", {"request_id": "a", "check_in_id": "c-1"}))["result"] != "BUSY"
        await made.clock.advance(11)
        for _ in range(60):
            await client.call("POST", "/1.0/CheckIn", data=b"{")
        assert caplog.text.count("result=BUSY") == 2
    journal.close()
