"""One call out to a partner: to an address that the operator allowed, resolved once, no further than that.

Touches outgoing sockets. Never follows a redirect, never reads more than 64 KiB of an answer, never shows an answer to
anybody, never logs a token or a whole address. Follows `sequere.md` 7 and `threats-and-faults.md` 3.3 (SSRF).
"""

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from agent.kernel.outside import Outside
from agent.ocpp.strict_json import NotJson
from agent.partners.partner import Partner
from agent.partners.strict_json import BODY_BYTES_MAX, read_json

CONNECT_S = 5.0
CALL_S = 10.0
AGAIN_STATUSES = frozenset({408, 429})  # the only 4xx that are not final (`sequere.md` 4)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Outcome(Enum):
    """What became of a message."""

    DELIVERED = "delivered"
    AGAIN = "again"  # a later try may do
    FINAL = "final"  # no try will do
    STOP = "stop"  # the other side does not speak this at all


@dataclass(frozen=True, slots=True)
class Delivered:
    """The outcome of one try; `receipt` is the partner's result, `problem` for the log."""

    outcome: Outcome
    receipt: str = ""
    problem: str = ""


class Forbidden(Exception):  # noqa: N818 - says what the configuration would have to allow
    """The address must not be called for this partner."""


class HttpCalls:
    """Posts updates to partners' receivers."""

    def __init__(
        self,
        wall_s: Callable[[], int],
        resolve: Resolve | None = None,
        *,
        call_s: float = CALL_S,
        outside: Outside | None = None,
    ) -> None:
        """`wall_s` gives UNIX seconds for signatures; `resolve` is the machine's resolver unless a test has its own."""
        self._wall_s = wall_s
        self._outside = outside or Outside()
        self._call_s = call_s
        self._resolve = resolve or system_resolve

    async def post(self, partner: Partner, url: str, body: bytes) -> Delivered:
        """Send one message and return what became of it; never raises but for cancellation."""
        try:
            self._outside.check()
            async with asyncio.timeout(self._call_s):
                return await self._post(partner, url, body)
        except Forbidden as no:
            return Delivered(Outcome.FINAL, problem=str(no))
        except TimeoutError:
            return Delivered(Outcome.AGAIN, problem=f"no answer within {self._call_s:g} s")
        except ValueError:  # aiohttp's InvalidURL is one, too
            return Delivered(Outcome.FINAL, problem="no such address")
        except (ClientError, OSError) as error:
            return Delivered(Outcome.AGAIN, problem=type(error).__name__)

    async def _post(self, partner: Partner, url: str, body: bytes) -> Delivered:
        target = URL(url)
        host, port = (target.host or "").lower(), target.port or 443
        if host not in partner.hosts:
            raise Forbidden("its host is not on the allow-list")
        addresses = await self._resolve(host, port)
        if not addresses:
            raise OSError("no address")
        for address in addresses:  # all of them: a name with one good and one bad address is not half good
            check_address(partner, target.scheme, host, address)
        connector = TCPConnector(resolver=_Pinned(addresses[0]), use_dns_cache=False, limit=1, force_close=True)
        timeout = ClientTimeout(total=self._call_s, sock_connect=CONNECT_S)
        async with (
            ClientSession(connector=connector, timeout=timeout, auto_decompress=False, trust_env=False) as session,
            session.post(target, data=body, headers=self._headers(partner, body), allow_redirects=False) as response,
        ):
            return await _outcome(response)

    def _headers(self, partner: Partner, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if partner.receiver_token:
            headers["Authorization"] = f"Token {partner.receiver_token}"
        if partner.receiver_secret:
            headers["X-SeQueRe-Signature"] = signature(partner.receiver_secret, self._wall_s(), body)
        return headers


def signature(secret: str, unix_s: int, body: bytes) -> str:
    """Return the value of X-SeQueRe-Signature: HMAC-SHA256 over the time, a dot and the raw body."""
    mac = hmac.digest(secret.encode(), f"{unix_s}.".encode() + body, "sha256").hex()
    return f"t={unix_s},v1={mac}"


def check_address(partner: Partner, scheme: str, host: str, address: str) -> None:
    """Raise Forbidden unless an address may be called for a partner.

    Private, loopback and own addresses need the operator's word: `allow_http`, or the address itself as the host.
    Link-local (where clouds keep their metadata), multicast and reserved ones are never called.
    """
    ip = _embedded(ipaddress.ip_address(address.partition("%")[0]))
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        raise Forbidden("link-local, multicast and reserved addresses are never called")
    near = not ip.is_global or _is_own(ip)
    if near and not (partner.allow_http or host == address):
        raise Forbidden("a private, loopback or own address, and the configuration does not allow it")
    if scheme != "https" and not (near and partner.allow_http):
        raise Forbidden("plain HTTP goes to this machine or a private network only, if allowed")


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host as the machine knows them; raise OSError for none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class _Pinned(AbstractResolver):
    """Answers with the one address that was checked: a second question might get another answer."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the checked address, whatever the host."""
        del family
        kind = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        found = ResolveResult(
            hostname=host, host=self._address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
        )
        return [found]

    async def close(self) -> None:
        """Nothing to close."""


def _embedded(ip: _Ip) -> _Ip:
    """Return the IPv4 address that an IPv6 address leads to, where it does."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _is_own(ip: _Ip) -> bool:
    """Return whether an address is this machine's: nothing is sent, the kernel only chooses the way."""
    kind = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.connect((str(ip), 9))
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == ip
    except OSError:
        return False  # no way there at all: connecting will fail, too


async def _outcome(response: ClientResponse) -> Delivered:
    status = response.status
    if 200 <= status < 300:
        return Delivered(Outcome.DELIVERED, receipt=receipt_of(await _read(response)))
    if status >= 500 or status in AGAIN_STATUSES:
        return Delivered(Outcome.AGAIN, problem=f"HTTP {status}")
    return Delivered(Outcome.FINAL, problem=f"HTTP {status}")


async def _read(response: ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            return b"too long"
        parts.append(chunk)
    return b"".join(parts)


def receipt_of(answer: bytes) -> str:
    """Return the result of a receipt; an empty answer accepts, one that cannot be read does not."""
    if not answer.strip():
        return "ACCEPTED"
    try:
        told: Any = read_json(answer)
    except NotJson:
        return "UNREADABLE"
    data = told.get("data") if isinstance(told, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    return result if isinstance(result, str) else "UNREADABLE"
