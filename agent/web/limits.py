"""How much one address may ask: generous buckets that only a flood empties.

Pure; time is an argument. Honest people share addresses behind a mobile network, so presence codes and devices are
counted first, elsewhere, and addresses last and high (`threats-and-faults.md` 3.1). Addresses are kept as hashes under
a key of this start, in memory only.
"""

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass

ADDRESSES_MAX = 4096  # about 1 MiB; the one that was quiet longest is forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A bucket: at most `burst` at once, refilled by `per_s` a second."""

    burst: float
    per_s: float


READS = Rate(burst=600, per_s=40)  # 200 phones behind one address, each with a page of three requests, at once
DEEDS = Rate(burst=300, per_s=10)  # the same phones, each checking in


class Limiter:
    """Counts what each address asks."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._key = os.urandom(16)
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def allows(self, address: str, now_s: float) -> bool:
        """Return whether one more request is fine, and count it."""
        name = hashlib.blake2s(address.encode(), key=self._key, digest_size=8).digest()
        left, then_s = self._left.pop(name, (self._rate.burst, now_s))
        left = min(self._rate.burst, left + (now_s - then_s) * self._rate.per_s)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left, now_s)
        if len(self._left) > ADDRESSES_MAX:
            self._left.popitem(last=False)
        return allowed
