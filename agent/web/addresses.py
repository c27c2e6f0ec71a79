"""The addresses of own pages: from an unguessable name to a CheckIn, for as long as the site remembers it.

In memory, derived from the site key, so the same after a restart. An unknown name is unknown, whatever it looks like.
"""

from agent.core.layout import CheckInId
from agent.core.state import Site
from agent.kernel.runner import Published, Runner
from agent.kernel.secrets import SiteKey


class Addresses:
    """Finds the CheckIn of an own page."""

    def __init__(self, runner: Runner, key: SiteKey) -> None:
        self._key = key
        self._of: dict[CheckInId, str] = {}
        self._check_in: dict[str, CheckInId] = {}
        self._take(runner.site)
        runner.listen(self._published)

    def of(self, check_in: CheckInId) -> str:
        """Return the path of a CheckIn's own page."""
        return f"/t/{self._of.get(check_in) or self._key.page_address(check_in)}"

    def find(self, address: str) -> CheckInId | None:
        """Return the CheckIn of an address, or None."""
        return self._check_in.get(address)

    def _published(self, published: Published) -> None:
        if published.events:
            self._take(published.site)

    def _take(self, site: Site) -> None:
        for gone in [c for c in self._of if c not in site.check_ins]:
            del self._check_in[self._of.pop(gone)]
        for check_in in site.check_ins:
            if check_in not in self._of:
                address = self._key.page_address(check_in)
                self._of[check_in], self._check_in[address] = address, check_in
