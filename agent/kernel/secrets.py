"""The site key, and what is derived from it: own-page addresses and the lookups of the subject table.

Touches one file, mode 0600, in the state directory. The key never leaves the process; it is in no log and no report.
"""

import base64
import hmac
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from agent.core.layout import CheckInId

log = logging.getLogger("stationmaster")

KEY_BYTES = 32
ADDRESS_BYTES = 16  # 128 bits: not to be guessed


class KeyUnusableError(Exception):
    """The file of the site key is there but cannot be it."""


@dataclass(frozen=True, slots=True)
class SiteKey:
    """32 random bytes of one site."""

    key: bytes = field(repr=False)

    def page_address(self, check_in: CheckInId) -> str:
        """Return the unguessable address of a CheckIn's own page: 26 letters and digits, the same after a restart."""
        return base64.b32encode(self._mac("page", str(check_in))[:ADDRESS_BYTES]).decode().rstrip("=").lower()

    def partner_id(self, prefix: str, number: int) -> str:
        """Return the id under which a partner knows an entry, e.g. c-8d41f7: stable, and tells no count."""
        return f"{prefix}-{self._mac('partner', f'{prefix}{number}').hex()[:12]}"

    def lookup(self, kind: str, value: str) -> bytes:
        """Return the keyed hash under which a personal id is found again."""
        return self._mac("subject", f"{kind}\x00{value}")

    def _mac(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self.key, f"{purpose}\x00{text}".encode(), "sha256")


def load_site_key(path: Path, *, head: int = 0) -> SiteKey:
    """Return the key in a file, made at the first start; durable before it is used. Raise KeyUnusableError.

    With a journal behind (`head`) a missing key is said, but the site goes on: no promise depends on it but addresses.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        if head:
            log.error("site_key=missing hint='made anew: own pages and cookies of before are lost; restore the backup'")
        return _make(path)
    if len(key) != KEY_BYTES:
        raise KeyUnusableError(f"{path}: has {len(key)} bytes instead of {KEY_BYTES}: restore it from the backup")
    return SiteKey(key)


def _make(path: Path) -> SiteKey:
    key = os.urandom(KEY_BYTES)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, key)
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return SiteKey(key)
