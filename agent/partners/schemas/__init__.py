"""The JSON schemas of SeQueRe 1.0 (2020-12), one file per message and `common.json`; served as they are.

Ours, under the licence of the product. The run time does not validate with them (see `messages.py`); tests do.
"""

from functools import cache
from importlib import resources


def schema(name: str) -> bytes | None:
    """Return the bytes of a schema by its name without `.json`, or None for one that there is not."""
    return _all().get(name)


def names() -> tuple[str, ...]:
    """Return the names of all schemas, sorted."""
    return tuple(sorted(_all()))


@cache
def _all() -> dict[str, bytes]:
    files = resources.files(__name__).iterdir()
    return {f.name.removesuffix(".json"): f.read_bytes() for f in files if f.name.endswith(".json")}
