"""What one key alone cannot tell about browsers, CSMS and partners: addresses, credentials, rights.

Pure. Draws no conclusions from values that were wrong by themselves, and never shows a secret.
"""

import ipaddress
import re
from collections.abc import Mapping

from agent.config.addresses import (
    QR_VERSION_1_SIGNS,
    QR_VERSION_2_SIGNS,
    Address,
    AddressError,
    is_loopback,
    is_near,
    parse_address,
    qr_signs,
)
from agent.config.check_site import check_doubled, conflict
from agent.config.link_types import CsmsSettings, PartnerSettings, Right, Role, WebSettings
from agent.config.problems import Problem, ProblemKind, Severity, joined, shown
from agent.config.reader import Reader
from agent.config.types import Config
from drivers.registry import Port

PASSWORD_MIN_2X = 16  # OCPP 2.x A00.FR.205; 1.6 accepts shorter ones
RIGHTS_OF: Mapping[Role, tuple[Right, ...]] = {
    Role.CPO: (Right.READ, Right.QUEUE, Right.BOOKING, Right.RESERVE_NOW, Right.POWER),
    Role.HUB: (Right.READ, Right.QUEUE, Right.BOOKING),
    Role.EMSP: (Right.READ, Right.QUEUE, Right.BOOKING),
    Role.OEM: (Right.READ, Right.QUEUE, Right.BOOKING),
    Role.SCSP: (Right.READ, Right.POWER),
}
"""What a role may do if the configuration says nothing more (SeQueRe section 1)."""
GRANTED = frozenset({(Role.HUB, Right.RESERVE_NOW), (Role.EMSP, Right.RESERVE_NOW), (Role.OEM, Right.RESERVE_NOW)})
"""What a role may do only if the configuration says so."""

_SECRET_KEY = re.compile(r"authorizationkey|password|sharedsecret|privatekey", re.IGNORECASE)


def check_links(config: Config, reader: Reader) -> None:
    """Add to the reader what does not fit together in web server, CSMS and partners."""
    _check_public_url(config, reader)
    _check_proxies(config.web, reader)
    _check_csms(config.csms, reader)
    _check_secret_keys(config.csms, reader)
    _check_partners(config, reader)


def _address(reader: Reader, path: str, text: str, schemes: tuple[str, ...]) -> Address | None:
    if not text or not reader.sound(path):
        return None
    try:
        return parse_address(text, schemes)
    except AddressError as error:
        reader.add(Problem(path=path, kind=ProblemKind.NOT_ALLOWED, value=shown(text), hint=str(error)))
        return None


def _check_public_url(config: Config, reader: Reader) -> None:
    path, url = "web.public_url", config.web.public_url
    has_display = any(device.port is Port.DISPLAY for device in config.device)
    if not url and has_display and not config.simulated and reader.sound(path, "device"):
        hint = "displays show the six digits only; set it to what phones on site can open"
        conflict(reader, path, "there will be no QR codes", hint, Severity.WARNING)
    address = _address(reader, path, url, ("http", "https"))
    if address is None:
        return
    if address.path.strip("/"):
        conflict(reader, path, f"{shown(url)} has a path", "QR codes carry scheme, host and port only: leave it out")
    elif is_loopback(address.host) and not config.simulated and reader.sound("device"):
        hint = "a phone that opens it finds only itself: use the address of this machine in the site's network"
        conflict(reader, path, f"{shown(url)} is this machine itself", hint)
    elif qr_signs(url) > QR_VERSION_1_SIGNS and has_display:
        signs = qr_signs(url)
        small = (
            "no bay display can show it" if signs > QR_VERSION_2_SIGNS else "the codes get finer, for shorter distances"
        )
        hint = f"{QR_VERSION_1_SIGNS} fit the smallest code; {small}: use a shorter host"
        conflict(reader, path, f"with the digits the QR code carries {signs} signs", hint, Severity.WARNING)


def _check_proxies(web: WebSettings, reader: Reader) -> None:
    for index, proxy in enumerate(web.trusted_proxies, start=1):
        path = f"web.trusted_proxies[{index}]"
        if not reader.sound(path):
            continue
        try:
            network = ipaddress.ip_network(proxy)
        except ValueError:
            words = 'an address or a network such as "10.0.0.0/24"'
            reader.add(Problem(path=path, kind=ProblemKind.NOT_ALLOWED, value=shown(proxy), allowed=words))
            continue
        if network.prefixlen == 0:
            hint = "anybody could pretend to be anybody: name the proxy's address"
            conflict(reader, path, f"{shown(proxy)} is everybody", hint)


def _check_csms(csms: CsmsSettings, reader: Reader) -> None:
    address = _address(reader, "csms.url", csms.url, ("wss", "ws"))
    versions = enumerate(csms.versions, start=1)
    check_doubled(reader, ((f"csms.versions[{n}]", version) for n, version in versions), "entry")
    if csms.url and not csms.identity and reader.sound("csms.identity"):
        hint = "the CSMS knows this station by it"
        reader.add(Problem(path="csms.identity", kind=ProblemKind.MISSING, hint=hint))
    if csms.password is not None and csms.password_file and reader.sound("csms.password", "csms.password_file"):
        conflict(reader, "csms.password", "there is a password_file too", "leave one of them out")
    secret = csms.password.reveal() if csms.password is not None else None
    if secret is not None and len(secret) < PASSWORD_MIN_2X and set(csms.versions) - {"1.6"}:
        hint = f"OCPP 2.x wants {PASSWORD_MIN_2X} to 40 signs"
        conflict(reader, "csms.password", f"has {len(secret)} signs", hint)
    has_password = secret is not None or bool(csms.password_file)
    if address is not None and address.scheme == "ws" and has_password and not is_near(address.host):
        hint = "anybody on the way can read the password: use wss://"
        conflict(reader, "csms.url", f"{shown(csms.url)} is not encrypted", hint, Severity.WARNING)


def _check_secret_keys(csms: CsmsSettings, reader: Reader) -> None:
    for name in csms.keys:
        if _SECRET_KEY.search(name):
            hint = "secrets do not belong here: use password_file or password in [csms]"
            conflict(reader, joined("csms.keys", name), "is a secret", hint)


def _check_partners(config: Config, reader: Reader) -> None:
    partners = tuple(enumerate(config.partner, start=1))
    check_doubled(reader, ((f"partner[{n}].name", partner.name) for n, partner in partners), "partner")
    hashes: dict[str, str] = {}
    for n, partner in partners:
        path = f"partner[{n}]"
        _check_credential(partner, path, reader)
        _check_rights(partner, path, reader)
        _check_receiver(partner, path, reader)
        if partner.token_sha256 is not None:
            earlier = hashes.setdefault(partner.token_sha256.reveal(), path)
            if earlier != path:
                hint = "nobody could tell the two apart: give each partner its own token"
                conflict(reader, f"{path}.token_sha256", f"is also that of {earlier}", hint)


def _check_credential(partner: PartnerSettings, path: str, reader: Reader) -> None:
    if not reader.sound(f"{path}.token_sha256", f"{path}.token_file"):
        return
    if partner.token_sha256 is None and not partner.token_file:
        hint = "without it the partner cannot identify itself; token_file does as well"
        reader.add(Problem(path=f"{path}.token_sha256", kind=ProblemKind.MISSING, hint=hint))
    if partner.token_sha256 is not None and partner.token_file:
        conflict(reader, f"{path}.token_sha256", "there is a token_file too", "leave one of them out")


def _check_rights(partner: PartnerSettings, path: str, reader: Reader) -> None:
    rights = tuple(enumerate(partner.rights, start=1))
    check_doubled(reader, ((f"{path}.rights[{n}]", right.value) for n, right in rights), "entry")
    usual = RIGHTS_OF[partner.role]
    for n, right in rights:
        if right in usual or (partner.role, right) in GRANTED or not reader.sound(f"{path}.role"):
            continue
        allowed = ", ".join(one.value for one in Right if one in usual or (partner.role, one) in GRANTED)
        value = f'"{right.value}" for the role {partner.role.value}'
        reader.add(
            Problem(path=f"{path}.rights[{n}]", kind=ProblemKind.NOT_ALLOWED, value=value, allowed=f"one of {allowed}")
        )
    acts = Right.QUEUE in (partner.rights or usual) or Right.BOOKING in (partner.rights or usual)
    if partner.role is Role.OEM and acts and not partner.issuers and reader.sound(path):
        hint = "it brings the IdTokens of EMPs and would be refused: list those it has an agreement with"
        conflict(reader, f"{path}.issuers", "an OEM without issuers", hint, Severity.WARNING)


def _check_receiver(partner: PartnerSettings, path: str, reader: Reader) -> None:
    address = _address(reader, f"{path}.receiver_url", partner.receiver_url, ("https", "http"))
    if address is not None and address.scheme == "http":
        if not partner.allow_http:
            hint = "use https://; plain HTTP only with allow_http = true, to this machine or a private network"
            conflict(reader, f"{path}.receiver_url", f"{shown(partner.receiver_url)} is not encrypted", hint)
        elif not is_near(address.host):
            hint = "plain HTTP goes to this machine or a private network only: use https://"
            conflict(reader, f"{path}.receiver_url", f"{shown(partner.receiver_url)} is far away", hint)
    for key in ("receiver_token", "receiver_secret"):
        if getattr(partner, key) is not None and not partner.receiver_url and reader.sound(f"{path}.receiver_url"):
            conflict(reader, f"{path}.{key}", "is sent nowhere", "set receiver_url, or leave it out", Severity.WARNING)


def rights_of(partner: PartnerSettings) -> tuple[Right, ...]:
    """Return what a partner may do: what its entry says, else what is usual for its role."""
    return partner.rights or RIGHTS_OF[partner.role]
