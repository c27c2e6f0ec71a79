"""What the twin panel needs of a simulated site as a whole: the deeds that are not done at one EVSE."""

from collections.abc import Mapping
from typing import Protocol

from agent.texts.twin import Unable


class Simulation(Protocol):
    """A site all of whose hardware is simulated. A deed returns why it could not be done, or None."""

    @property
    def clock_trusted(self) -> bool:
        """Whether the wall clock is trusted."""

    @property
    def internet_cut(self) -> bool:
        """Whether the line to the outside is cut."""

    @property
    def days(self) -> Mapping[str, str]:
        """The bundled days and their sources."""

    @property
    def replaying(self) -> str | None:
        """The day that is replayed, or None."""

    def next_event(self) -> Unable | None:
        """Let time run ahead to what is due next."""

    def step_clock(self, hours: int) -> None:
        """Step the wall clock."""

    def trust_clock(self, trusted: bool) -> None:
        """Let the wall clock be trusted or not."""

    def no_internet(self) -> Unable | None:
        """Return why the line to the outside cannot be cut, or None."""

    def cut_internet(self, cut: bool) -> Unable | None:
        """Cut the line to the outside, or mend it."""

    def no_power(self) -> Unable | None:
        """Return why the power cannot be cut, or None."""

    def cut_power(self, dark_s: float) -> Unable | None:
        """Cut the controller's power; who asked gets no answer."""

    def start_replay(self, day: str) -> Unable | None:
        """Let the people of a bundled day come; ValueError for one that is not bundled."""

    def stop_replay(self) -> Unable | None:
        """Let nobody come any more."""
