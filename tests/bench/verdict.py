"""Whether a measured figure keeps its budget. Pure: compares the first number of two texts for people."""

import re

_NUMBER = re.compile(r"-?[0-9][0-9,]*\.?[0-9]*")


def verdict(budget: str, measured: str) -> str:
    """Return "ok", "over", or "" where there is no budget; a budget that begins with >= is a least, others a most."""
    limit, found = _NUMBER.search(budget), _NUMBER.search(measured)
    if limit is None or found is None:
        return ""
    allowed, value = (float(one[0].replace(",", "")) for one in (limit, found))
    kept = value >= allowed if budget.startswith(">=") else value <= allowed
    return "ok" if kept else "over"
