"""What people send who are no browsers: no headers, no forms, crowds behind one address."""

from __future__ import annotations

import asyncio
import gzip
import logging
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from web_fixtures import Phone, RunningSite, serving

from agent.web.peers import networks, peer_of
from agent.web.sockets import SOCKETS_OF_ADDRESS_MAX, Connection, Sockets

FORM = "application/x-www-form-urlencoded"


async def status(site: RunningSite, request: bytes) -> int:
    """Send bytes on a socket of their own and return the status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.served.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])


def request(*lines: bytes, body: bytes = b"", to: bytes = b"GET /") -> bytes:
    head = [to + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *lines]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([b"Content-Type: application/x-www-form-urlencoded; charset=nonsense"], b"request=a"),
        ([b"Content-Type: application/x-www-form-urlencoded; charset=zlib"], b"request=a"),
        ([b"Content-Type: application/x-www-form-urlencoded; charset=unicode_escape"], b"request=\\ud800"),
        ([b"Content-Type: application/x-www-form-urlencoded; charset=utf-16"], b"\x00"),
        ([b"Content-Type: application/x-www-form-urlencoded"], b"request=\xff"),
        ([b"Content-Type: application/x-www-form-urlencoded"], b"request=%ed%a0%80&pool=%00"),
        ([b"Content-Type: application/x-www-form-urlencoded", b"Content-Encoding: gzip"], b"not compressed"),
        (
            [b"Content-Type: application/x-www-form-urlencoded", b"Content-Encoding: gzip"],
            gzip.compress(b"a=b", mtime=0),
        ),
        ([b"Content-Type: application/x-www-form-urlencoded", b"Content-Encoding: deflate"], b"not compressed"),
        ([b"Content-Type: \xff/;;=\xfe"], b"request=a"),
        ([b"Content-Type: application/x-www-form-urlencoded", b"Origin: http://["], b"request=a"),
        ([b"Content-Type: application/x-www-form-urlencoded", b"Origin: http://[::1]:99999999"], b"request=a"),
    ],
)
async def test_a_body_that_is_no_form_is_their_mistake_and_not_ours(
    headers: list[bytes], body: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as site:
        assert await status(site, request(*headers, body=body, to=b"POST /check-in")) in (400, 403, 415)
    assert "Traceback" not in caplog.text
    assert "level=ERROR" not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR and "http=" not in record.msg]


@pytest.mark.parametrize(
    "sent",
    [
        request(b"Cookie: device=MARKER\x01"),
        request(b"Authorization: Token MARKER\x1b[31m"),
        request(to=b"GET /t/MARKER" + b"a" * 9000),
        request(b"X-Long: MARKER" + b"a" * 9000),
        b"MARKER / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        request(b"Host: MARKER"),
        b"\x16\x03\x01MARKER\r\n\r\n",
    ],
)
async def test_what_is_no_header_is_not_repeated_in_the_log(
    sent: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(tmp_path) as site:
        assert await status(site, sent) == 400
    assert "http=failed" in caplog.text
    assert "MARKER" not in caplog.text
    assert "127.0.0.1" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_flood_of_nonsense_is_one_line_that_tells_how_much_there_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        for _ in range(50):
            await status(site, request(b"Cookie: \x01"))
        assert caplog.text.count("http=failed") == 1
        await site.later(11)
        await status(site, request(b"Cookie: \x01"))
        assert caplog.text.count("http=failed") == 2
        assert "untold=49" in caplog.text
        assert (await phone.check_in(site.digits)).status == 303


def test_all_lines_of_a_proxys_header_are_one_list() -> None:
    lines = CIMultiDict([("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-for", "5.6.7.8")])
    trusted = networks(("127.0.0.1",))
    assert peer_of("127.0.0.1", CIMultiDictProxy(lines), trusted).key == "5.6.7.8"


@pytest.mark.parametrize("name", ["X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"])
async def test_who_comes_through_a_proxy_is_not_on_this_machine(name: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        assert (await phone.get("/status", **{name: "127.0.0.1"})).status == 404


async def test_a_phone_that_sends_its_first_form_twice_is_one_device(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone, Phone(site.url) as again:
        form = {"request": (await phone.get("/")).request_id, "pool": "CCS", "digits": site.digits}
        both = await asyncio.gather(*(phone.post("/check-in", form) for _ in range(2)))
        assert [page.status for page in both] == [303, 303]
        assert len({page.headers["Set-Cookie"].partition(";")[0] for page in both}) == 1
        assert (await again.post("/check-in", form)).status == 303  # the answer was lost, and the browser closed
        for one in (phone, again):
            second = await one.check_in(site.digits)
            assert second.status == 409
            assert site.page_of(1) in second.text
        assert len(site.runner.site.check_ins) == 1


class Wire(asyncio.Transport):
    """A transport that leads to some address, and notes that it was cut."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 40_000)})
        self.is_cut = False

    def abort(self) -> None:
        """Cut it."""
        self.is_cut = True

    def is_closing(self) -> bool:
        """Return whether it was cut."""
        return self.is_cut


def connected(sockets: Sockets, address: str) -> tuple[Connection, Wire]:
    inner: Any = asyncio.Protocol()
    connection, wire = Connection(sockets, inner), Wire(address)
    connection.connection_made(wire)
    return connection, wire


async def test_a_new_phone_takes_the_connection_that_another_does_not_use_any_more() -> None:
    sockets = Sockets()
    crowd = [connected(sockets, "9.9.9.9") for _ in range(SOCKETS_OF_ADDRESS_MAX)]
    _, turned_away = connected(sockets, "9.9.9.9")
    assert turned_away.is_cut  # all others are at work
    for connection, wire in crowd[3:6]:
        sockets.answered(connection, wire)
    crowd[3][0].data_received(b"GET /")  # at work again
    for expected in (4, 5):
        _, wire = connected(sockets, "9.9.9.9")
        assert not wire.is_cut
        assert [n for n, (_, other) in enumerate(crowd) if other.is_cut] == list(range(4, expected + 1))
    assert connected(sockets, "9.9.9.9")[1].is_cut
    assert not connected(sockets, "8.8.8.8")[1].is_cut
    assert len(sockets) == SOCKETS_OF_ADDRESS_MAX + 1
    for connection, _ in crowd:
        connection.rest()
