"""Who is let in: names, origins, proxies, floods, half-open sockets; and what every answer carries."""

import asyncio
import re
from pathlib import Path

import pytest
from web_fixtures import Phone, RunningSite, find, serving

from agent.core import inputs as i
from agent.texts import Language
from agent.web.context import WebOptions
from agent.web.language import chosen
from agent.web.limits import ADDRESSES_MAX, DEEDS, Limiter, Rate
from agent.web.peers import networks, peer_of
from agent.web.sockets import SOCKETS_MAX

PUBLIC = WebOptions(public_url="http://laden.example", allowed_hosts=("other.example",))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("localhost:1", 200),
        ("LADEN.example", 200),
        ("other.example", 200),
        ("laden.example.", 200),
        ("evil.example", 421),
        ("10.0.0.1", 421),
        ("[::1]:80", 421),
        ("laden.example.evil.example", 421),
    ],
)
async def test_only_our_own_names_get_content(host: str, status: int, tmp_path: Path) -> None:
    async with serving(tmp_path, options=PUBLIC) as site, Phone(site.url) as phone:
        assert (await phone.get("/", Host=host)).status == status


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://laden.example"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://laden.example:81"}, False),
        ({"Origin": "null"}, True),  # what our own forms send to a plain HTTP address: their signed id decides
    ],
)
async def test_deeds_come_from_our_own_pages(headers: dict[str, str], allowed: bool, tmp_path: Path) -> None:
    async with serving(tmp_path, options=PUBLIC) as site, Phone(site.url) as phone:
        page = await phone.get("/")
        form = {"request": page.request_id, "pool": "CCS", "digits": site.digits}
        assert (await phone.post("/check-in", form, **headers)).status == (303 if allowed else 403)


async def test_every_answer_carries_the_headers(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        for path in ("/", "/nowhere", "/t/" + "a" * 26, "/board", "/health"):
            headers = (await phone.get(path)).headers
            assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src")
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["X-Robots-Tag"] == "noindex"
            assert headers["Cache-Control"] == "no-store"
            assert "Set-Cookie" not in headers


async def test_static_files_may_be_kept_for_ever_and_the_first_load_is_light(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url, **{"Accept-Encoding": "gzip"}) as phone:
        weight = 0
        page = await phone.get("/")
        weight += int(page.headers["Content-Length"])
        paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert len(paths) == 2
        for path in paths:
            file = await phone.get(path)
            assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert file.headers["Content-Encoding"] == "gzip"
            weight += int(file.headers["Content-Length"])
        assert weight < 30_000


async def test_pages_for_this_machine_are_not_there_for_others(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        for path in ("/status", "/metrics", "/explain/K7"):
            assert (await phone.get(path, **{"X-Forwarded-For": "10.0.0.9"})).status == 404
            assert (await phone.get(path, Via="1.1 proxy")).status == 404
        assert (await phone.get("/status")).status == 200


async def test_large_and_odd_bodies_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        page = await phone.get("/")
        assert (await phone.post("/check-in", {"request": page.request_id, "pool": "x" * 70_000})).status == 413
        assert (await phone.post("/check-in", {"request": page.request_id, "pool": "x" * 400})).status == 413
        odd = await phone.post("/check-in", {"a": "b"}, **{"Content-Type": "application/json"})
        assert odd.status == 415


async def test_our_own_mistake_is_a_page_with_a_reference_that_the_log_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str | None:
        raise RuntimeError("the test broke the link")

    html = {"Accept": "text/html"}
    async with serving(tmp_path, link=broken) as site, Phone(site.url, **html) as phone, Phone(site.url) as program:
        await phone.check_in(site.digits)
        path = site.page_of(1)
        failed = await phone.get(f"{path}?lang=de")
        assert (failed.status, failed.h1[:26]) == (500, "Das hat nicht geklappt. Ni")
        reference = find(r"reference=(\w{4})", caplog.text)
        assert reference in failed.words
        assert "route=/t/{address}" in caplog.text
        assert path not in caplog.text
        assert (await program.get(path)).text.startswith("500 This did not work.")
        odd = await phone.post("/check-in", {"a": "b"}, **{"Content-Type": "application/json"})
        assert (odd.status, odd.h1[:18]) == (415, "This did not work.")


async def test_a_loopback_address_is_for_demos_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loopback"):
        async with serving(tmp_path, options=WebOptions(public_url="http://127.0.0.1:8080")):
            pass
    async with serving(tmp_path / "demo", options=WebOptions(public_url="http://localhost:8080", demo=True)) as site:
        assert site.served.port


async def test_200_phones_behind_one_address_all_join(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        for _ in range(200):
            page = await phone.get("/")
            answer = await phone.post("/check-in", {"request": page.request_id, "contract": "BLOCKED", "pool": "CCS"})
            assert answer.status in (403, 429)
            assert "Too many requests" not in answer.text


def test_a_flood_of_one_address_is_slowed_and_nobody_else_notices() -> None:
    limiter = Limiter(Rate(burst=3, per_s=1))
    assert [limiter.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert limiter.allows("b", 0.0)
    assert [limiter.allows("a", 1.0), limiter.allows("a", 1.0)] == [True, False]


def test_the_limiter_forgets_who_was_quiet_longest() -> None:
    limiter = Limiter(DEEDS)
    for number in range(ADDRESSES_MAX + 10):
        assert limiter.allows(str(number), 0.0)
    assert len(limiter) == ADDRESSES_MAX


def test_an_address_is_believed_from_trusted_proxies_only() -> None:
    trusted = networks(("10.0.0.0/24", "127.0.0.1"))
    chain = {"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 10.0.0.7"}
    assert peer_of("127.0.0.1", chain, trusted).key == "5.6.7.8"
    assert peer_of("9.9.9.9", chain, trusted).key == "9.9.9.9"
    assert peer_of("10.0.0.7", {"X-Forwarded-For": "nonsense"}, trusted).key == "10.0.0.7"
    assert peer_of("::ffff:1.2.3.4", {}, ()).key == "1.2.3.4"


def test_an_ipv6_household_is_one_address_and_loopback_is_local() -> None:
    one, other = peer_of("2001:db8:1:2::1", {}, ()), peer_of("2001:db8:1:2:ffff::9", {}, ())
    assert one.key == other.key == "2001:db8:1:2::/64"
    assert peer_of("::1", {}, ()).local
    assert not peer_of("127.0.0.1", {"Forwarded": "for=1.2.3.4"}, ()).local


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ("de", "en", Language.DE),
        (None, "fr-FR,fr;q=0.9,de;q=0.5,en;q=0.4", Language.DE),
        ("xx", "", Language.EN),
        (None, "en;q=0,de;q=0.1", Language.DE),
        (None, "de;q=nonsense", Language.EN),
        (None, None, Language.EN),
    ],
)
def test_the_language_is_the_chosen_one_then_the_browsers_then_the_sites(
    query: str | None, header: str | None, language: Language
) -> None:
    assert chosen(query, header, tuple(Language)) is language


async def half_open(site: RunningSite, number: int) -> asyncio.StreamReader:
    """Open a socket and send half a header, or nothing; keep it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.served.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127" if number % 2 else b"")
    HELD.append(writer)
    return reader


HELD: list[asyncio.StreamWriter] = []  # a socket lives as long as somebody has its writer


async def test_too_many_sockets_are_cut_off_and_joining_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        for number in range(SOCKETS_MAX - 10):
            await half_open(site, number)
        assert (await phone.check_in(site.digits)).status == 303
        last = [await half_open(site, number) for number in range(30)][-1]
        assert await last.read(1) == b""
        assert len(site.served.sockets) <= SOCKETS_MAX
        assert site.served.sockets.turned_away >= 19
        while HELD:
            HELD.pop().close()


async def test_a_header_that_never_ends_has_a_deadline(tmp_path: Path) -> None:
    async with serving(tmp_path, head_s=0.2) as site, Phone(site.url) as phone:
        readers = [await half_open(site, number) for number in range(4)]
        async with phone.stream("/board/events") as events:
            await anext(events)
            assert [await reader.read(1) for reader in readers] == [b""] * 4
            # A stream is no silent socket: it goes on beyond the deadline of its header.
            await phone.check_in(site.digits)
            assert await anext(events)
        while HELD:
            HELD.pop().close()


async def test_nothing_personal_is_in_metrics_status_and_board(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await phone.check_in("", contract="GOOD")
        code = next(iter(site.runner.site.check_ins.values())).code
        told = "".join([(await phone.get(p)).text for p in ("/metrics", "/status", "/board", f"/explain/{code}")])
        assert code in told
        assert "GOOD" not in told
        assert site.page_of(1) not in told


async def test_health_tells_others_only_whether_all_is_well(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        answer = await phone.get("/health", **{"X-Forwarded-For": "10.0.0.9"})
        assert (answer.status, answer.text) == (200, '{"status": "ok"}')
        await site.see(i.Started(boot=9))
        assert (await phone.get("/health")).status == 503
