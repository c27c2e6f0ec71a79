"""Answers about a whole Site that are asked again and again, kept with the Site they are about.

Pure: a Site never changes, so what is kept with it cannot go stale, and it goes with it.
"""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from agent.core.state import Site

T = TypeVar("T")


def remembered(answer: Callable[[Site], T]) -> Callable[[Site], T]:
    """Let a pure function of a Site be worked out once for each Site."""

    @wraps(answer)
    def known(site: Site) -> T:
        try:
            found: T = site.remembered[answer]
        except KeyError:
            found = site.remembered[answer] = answer(site)
        return found

    return known
