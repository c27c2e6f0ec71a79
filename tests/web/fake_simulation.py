"""A `Simulation` that writes down what it was asked, for tests of the panel's routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.texts.twin import Unable


@dataclass(slots=True)
class FakeSimulation:
    """What the panel may ask; `unable` answers every deed with a reason."""

    unable: Unable | None = None
    clock_trusted: bool = True
    internet_cut: bool = False
    replaying: str | None = None
    asked: list[object] = field(default_factory=list)

    @property
    def days(self) -> Mapping[str, str]:
        """One day."""
        return {"dundee": "Lochee charging hub, 23 June 2018. Some licence."}

    def next_event(self) -> Unable | None:
        """Note it."""
        return self._asked("next")

    def step_clock(self, hours: int) -> None:
        """Note it."""
        self._asked(hours)

    def trust_clock(self, trusted: bool) -> None:
        """Note it."""
        self._asked(("trusted", trusted))

    def no_internet(self) -> Unable | None:
        """The reason."""
        return self.unable

    def cut_internet(self, cut: bool) -> Unable | None:
        """Note it."""
        return self._asked(("cut", cut))

    def no_power(self) -> Unable | None:
        """The reason."""
        return self.unable

    def cut_power(self, dark_s: float) -> Unable | None:
        """Note it."""
        return self._asked(("dark", dark_s))

    def start_replay(self, day: str) -> Unable | None:
        """Note it; there is one day."""
        if day not in self.days:
            raise ValueError(f"{day!r} is not bundled")
        return self._asked(day)

    def stop_replay(self) -> Unable | None:
        """Note it."""
        return self._asked("stop")

    def _asked(self, what: object) -> Unable | None:
        self.asked.append(what)
        return self.unable
