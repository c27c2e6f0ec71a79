"""Who asks: one credential of the configuration, its rights, its issuers, and where its updates go.

Reads a token file at start, nothing else. Never keeps a partner's token, only its SHA-256; no secret has a `repr`.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from agent.config.check_links import RIGHTS_OF, rights_of
from agent.config.link_types import PartnerSettings, Right, Role

CSMS_KEY = "csms"
TOKEN_BYTES_MAX = 1024  # of the Authorization header; a token has 16 to 64
_HASH = re.compile(r"[0-9a-f]{64}")


class PartnerUnusable(Exception):  # noqa: N818 - says what to mend in the configuration
    """A partner's entry cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A credential. `key` names it in events, receipts and records; it never changes while the configured name stays.

    `issuers` None: anybody's ids. `hosts` are those its URLs may name, in lower case.
    """

    key: str
    name: str
    role: Role
    country_code: str
    party_id: str
    rights: frozenset[Right]
    issuers: frozenset[str] | None
    token_sha256: bytes = field(default=b"", repr=False)
    receiver_url: str = ""
    receiver_token: str = field(default="", repr=False)
    receiver_secret: str = field(default="", repr=False)
    hosts: frozenset[str] = frozenset()
    allow_http: bool = False
    push_pools: bool = True

    @property
    def sees_all(self) -> bool:
        """Whether all entries are its own (role CPO)."""
        return self.role is Role.CPO

    def owns(self, owner: str | None) -> bool:
        """Return whether an entry of this owner is its own; somebody else's is answered like an unknown one."""
        return self.sees_all or owner == self.key

    def may_bring(self, issuer: str) -> bool:
        """Return whether it may use ids of an issuer (country and party in capitals)."""
        return self.issuers is None or issuer in self.issuers


def partner_of(settings: PartnerSettings) -> Partner:
    """Return the partner of a configuration entry; reads its token file. Raise PartnerUnusable."""
    own = settings.country_code + settings.party_id
    anybody = not settings.issuers and settings.role in (Role.CPO, Role.HUB)
    receiver = (urlsplit(settings.receiver_url).hostname or "").lower()
    return Partner(
        key=f"partner/{settings.name}",
        name=settings.name,
        role=settings.role,
        country_code=settings.country_code,
        party_id=settings.party_id,
        rights=frozenset(rights_of(settings)),
        issuers=None if anybody else frozenset(settings.issuers or (own,)),
        token_sha256=_token_hash(settings),
        receiver_url=settings.receiver_url,
        receiver_token=settings.receiver_token.reveal() if settings.receiver_token else "",
        receiver_secret=settings.receiver_secret.reveal() if settings.receiver_secret else "",
        hosts=frozenset(h for h in (receiver, *(h.lower() for h in settings.response_hosts)) if h),
        allow_http=settings.allow_http,
    )


def csms_partner(country_code: str, party_id: str, role: Role = Role.CPO) -> Partner:
    """Return the partner that the CSMS acts as over DataTransfer: normally the CPO itself (`sequere.md` 8)."""
    return Partner(
        key=CSMS_KEY,
        name="CSMS",
        role=role,
        country_code=country_code,
        party_id=party_id,
        rights=frozenset(RIGHTS_OF[role]),
        issuers=None,
    )


class Credentials:
    """Finds the partner of an Authorization header."""

    def __init__(self, partners: Sequence[Partner]) -> None:
        """Take the partners; raise PartnerUnusable for two with the same token."""
        self._of: Mapping[bytes, Partner] = {p.token_sha256: p for p in partners if p.token_sha256}
        if len(self._of) != sum(1 for p in partners if p.token_sha256):
            raise PartnerUnusable("two partners have the same token: give each its own")

    def find(self, header: str | None) -> Partner | None:
        """Return the partner of `Token <base64(token)>` (OCPI 2.2), or None; every wrong one takes as long."""
        scheme, _, encoded = (header or "").strip().partition(" ")
        if scheme.lower() != "token" or len(encoded) > TOKEN_BYTES_MAX:
            return None
        try:
            token = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return None
        given = hashlib.sha256(token).digest()
        found: Partner | None = None
        for known, partner in self._of.items():
            if hmac.compare_digest(known, given):
                found = partner
        return found


def _token_hash(settings: PartnerSettings) -> bytes:
    text = settings.token_sha256.reveal() if settings.token_sha256 else ""
    if settings.token_file:
        try:
            text = Path(settings.token_file).read_text("ascii").split(maxsplit=1)[0]
        except (OSError, UnicodeDecodeError, IndexError) as error:
            raise PartnerUnusable(f"partner {settings.name}: token_file cannot be read: {error}") from error
    if not _HASH.fullmatch(text):
        raise PartnerUnusable(f"partner {settings.name}: its token hash is not 64 digits and small letters a to f")
    return bytes.fromhex(text)
