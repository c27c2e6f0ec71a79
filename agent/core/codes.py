"""Call codes: the short public name of a CheckIn, such as K7. A name, not a key: it opens nothing.

Pure. Letters and digits that cannot be mistaken for one another, without codes that offend or that are labels on site
(`experience.md` section 8). The draw comes in with the request, so replay gives the same codes.
"""

from agent.core.layout import ChargingLocation
from agent.core.state import Site

LETTERS = "CFHJKLMRVX"
DIGITS = "23456789"
OFFENSIVE_SHORT = frozenset({"H8", "V2", "C4"})
OFFENSIVE_ENDINGS = frozenset({"28", "69", "74", "84", "88"})
LONG_FROM_OPEN = 40  # more open CheckIns than this and the short codes are kept for later
REUSE_AFTER_MS = 2 * 60 * 60 * 1000
TRIES = 16  # with half of the codes fresh, one pick in 65,000 has to look through all
STRIDE = 1009  # a prime, so that the tries spread over codes that begin alike; no form has a multiple of it

SHORT = tuple(a + b for a in LETTERS for b in DIGITS if a + b not in OFFENSIVE_SHORT)
_SHORT = frozenset(SHORT)
# The long forms, each with the short code it begins like.
LONG = tuple((a + b + c, a + b) for a in LETTERS for b in DIGITS for c in DIGITS if b + c not in OFFENSIVE_ENDINGS)
LONGEST = tuple((code + d, start) for code, start in LONG for d in DIGITS if code[2] + d not in OFFENSIVE_ENDINGS)


def pick_code(site: Site, draw: int, now_ms: int) -> str:
    """Return a call code for a new CheckIn: random by `draw` among the longest unused half of the free ones."""
    in_use = frozenset(site.codes_in_use())
    recent = frozenset(c.code for c in site.old_codes if now_ms - c.ended_ms < REUSE_AFTER_MS)
    taken = in_use.union(recent, labels(site.location) if site.location else ())
    if len(in_use) <= LONG_FROM_OPEN and (short := [c for c in SHORT if c not in taken]):
        return _draw(site, short, draw)
    short_taken = (in_use & _SHORT) | (recent & _SHORT)
    used = taken.union(c.code for c in site.old_codes)
    # A long code that begins like a short one in use would be called twice; like one just ended, only confuses.
    for clashes in (short_taken, in_use):
        for form in (LONG, LONGEST):
            if (fresh := _fresh(form, clashes, used, draw)) is not None:
                return fresh
            free = [c for c, start in form if start not in clashes and c not in taken]
            if free:
                return _draw(site, free, draw)
    return _draw(site, [c for c, _ in LONGEST if c not in in_use], draw)


def labels(location: ChargingLocation) -> frozenset[str]:
    """Return every label on site that a call code must not equal: bays, EVSEs, pools."""
    bays = (e.label.upper() for e in location.evses)
    return frozenset((*bays, *(str(e.id) for e in location.evses), *(p.id.upper() for p in location.pools)))


def _fresh(form: tuple[tuple[str, str], ...], clashes: frozenset[str], used: frozenset[str], draw: int) -> str | None:
    """Return a code that was never used, if a few tries from `draw` find one: nothing is unused for longer.

    Of some thousand long codes most are fresh; looking through them all was half the cost of joining a long queue.
    """
    for n in range(TRIES):
        code, start = form[(draw + n * STRIDE) % len(form)]
        if start not in clashes and code not in used:
            return code
    return None


def _draw(site: Site, free: list[str], draw: int) -> str:
    """Draw from the half unused longest; never used ones count as unused for ever."""
    ended = {c.code: c.ended_ms for c in site.old_codes}
    rested = [c for c in free if c not in ended]
    rested += sorted((c for c in free if c in ended), key=lambda c: (ended[c], c))
    return rested[draw % max(1, len(rested) // 2)]
