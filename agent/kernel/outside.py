"""The line to the outside: whether CSMS and partners can be reached, and they us.

A real site always may try. The panel of a simulated one cuts it, as a digger does: connections end without a word, and
new ones fail, for whoever asks here before it opens one. The web on site does not.
"""

from collections.abc import Callable


class Outside:
    """The one line of a site."""

    def __init__(self) -> None:
        """Begin with a line that is there."""
        self._is_cut = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_cut(self) -> bool:
        """Whether nobody outside can be reached."""
        return self._is_cut

    def cut(self) -> None:
        """Cut the line; whoever listens drops what is open, at once."""
        self._is_cut = True
        for listener in self._listeners:
            listener()

    def restore(self) -> None:
        """Mend the line; who lost it comes back when they try again."""
        self._is_cut = False

    def check(self) -> None:
        """Raise ConnectionError while the line is cut."""
        if self._is_cut:
            raise ConnectionError("the line to the internet is cut at the twin panel")

    def on_cut(self, listener: Callable[[], None]) -> None:
        """Call `listener` at each cut; it must return at once."""
        self._listeners.append(listener)
