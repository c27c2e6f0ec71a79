"""Who is at the other end: the address of a client behind trusted proxies, whether it is this machine, its network.

Pure. An IPv6 address stands for its /64: a household has 2^64 of them.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from multidict import MultiMapping

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What tells that a proxy was in between; the person is not on this machine then, whatever else the proxy hides.
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")
HOPS_MAX = 20
HOUSEHOLD_BITS = 64


@dataclass(frozen=True, slots=True)
class Peer:
    """A client: its address (None: not known), and whether it is a program on this machine speaking for itself."""

    ip: Ip | None
    local: bool

    @property
    def key(self) -> str:
        """Return what limits count by."""
        if isinstance(self.ip, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((self.ip, HOUSEHOLD_BITS), strict=False))
        return str(self.ip)


def parse_ip(text: str) -> Ip | None:
    """Return an address, an IPv4 one also where it came as ::ffff:1.2.3.4; None for what is none."""
    try:
        ip = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of the trusted proxies; ValueError names what is none."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def peer_of(remote: str | None, headers: Mapping[str, str], trusted: tuple[Network, ...]) -> Peer:
    """Return who sent a request: the last address in X-Forwarded-For that no trusted proxy has.

    A request that somebody forwarded is never local, whoever forwarded it: the person is elsewhere.
    """
    ip = parse_ip(remote or "")
    forwarded = any(name in headers for name in FORWARDED)
    if ip is not None and forwarded and _is_trusted(ip, trusted):
        for hop in reversed(_chain(headers)[-HOPS_MAX:]):
            found = parse_ip(hop)
            if found is None:
                break
            ip = found
            if not _is_trusted(found, trusted):
                break
    return Peer(ip, local=ip is not None and ip.is_loopback and not forwarded)


def _chain(headers: Mapping[str, str]) -> list[str]:
    """Return all hops. A proxy may add a line of its own to that of the client: all are one list (RFC 9110, 5.3)."""
    name = "X-Forwarded-For"
    lines = headers.getall(name, []) if isinstance(headers, MultiMapping) else [headers.get(name, "")]
    return ",".join(lines).split(",")


def _is_trusted(ip: Ip, trusted: tuple[Network, ...]) -> bool:
    return any(ip in network for network in trusted)
