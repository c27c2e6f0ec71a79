"""What can be said of an address without asking the network: whose it is, and how it looks as a QR code.

Pure. The QR code of a display holds the public address in upper case, a slash and six digits; alphanumeric mode and
version 1-L carry 25 signs of it, version 2-L 47 (ISO/IEC 18004), see `experience.md` section 5.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

CODE_DIGITS = 6
QR_VERSION_1_SIGNS = 25
QR_VERSION_2_SIGNS = 47


class AddressError(ValueError):
    """The text is no address as it is needed here; the message says what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address taken apart: its scheme, host in lower case, port if one is named, and path."""

    scheme: str
    host: str
    port: int | None
    path: str


def parse_address(text: str, schemes: tuple[str, ...]) -> Address:
    """Take an address apart; AddressError if it has another scheme, no host, or parts that do not belong into it."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise AddressError(f"write {wanted}host or {wanted}host:port") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise AddressError(f"begin with {wanted} and a host")
    _refuse_rest(parts, text)
    return Address(scheme=parts.scheme, host=parts.hostname, port=port, path=parts.path)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself, or no machine at all (0.0.0.0): nothing a phone could open."""
    ip = _ip(host)
    if ip is not None:
        return ip.is_loopback or ip.is_unspecified
    return host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")


def is_near(host: str) -> bool:
    """Return whether a host is this machine or in a private network, as far as its name tells."""
    ip = _ip(host)
    if ip is not None:
        return ip.is_private or ip.is_link_local
    return is_loopback(host) or host.endswith((".local", ".lan", ".internal", ".home.arpa"))


def qr_signs(public_url: str) -> int:
    """Return how many signs the QR code of a display has to carry for this public address."""
    return len(public_url.rstrip("/")) + 1 + CODE_DIGITS


def _refuse_rest(parts: SplitResult, text: str) -> None:
    if parts.username is not None or parts.password is not None:
        raise AddressError("leave user and password out of the address")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise AddressError("leave out what follows ? or #")
    if any(sign.isspace() or not sign.isascii() for sign in text):
        raise AddressError("leave blanks out, and write names in ASCII (xn--...)")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip
