"""The lamp language: one colour and one pattern for each state of a bay, as data (`experience.md` section 6).

Pure. Green go, purple kept for somebody, blue energy, white your move, amber please move, red not here. Colour alone
never decides: two states share a pattern only if everybody can tell their colours apart. Which state a bay is in says
`views.lamp_state`; how a pattern moves is the lamp driver's (`drivers/ports.py`, the same names).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.core.colours import least_distance, linear_rgb

LEAST_DISTANCE = 20.0  # CIEDE2000 under every simulated vision, for colours that share a pattern


class LampState(StrEnum):
    """The rows of the lamp table."""

    FREE = "free"
    FREE_UNKNOWN = "free_unknown"  # the bay sensor does not know
    RESERVED = "reserved"  # the holder is not due yet
    HELD = "held"
    YOUR_MOVE = "your_move"  # plug or card awaited
    PREPARING = "preparing"
    CHARGING = "charging"
    PAUSED = "paused"
    FINISHED = "finished"  # time to move still runs
    PLEASE_MOVE = "please_move"  # also a blocked bay
    WRONG_CAR = "wrong_car"  # in a held bay
    OUT_OF_ORDER = "out_of_order"  # also closed
    DANGER = "danger"
    STARTING = "starting"
    OFF = "off"  # nobody renews the lamp


class Waveform(StrEnum):
    """How a lamp moves: the values of the lamp driver's waveforms that the table uses."""

    OFF = "off"
    STEADY = "steady"
    OCCULTING = "occulting"
    BLINK = "blink"
    SLOW_BLINK = "slow_blink"
    BREATHE = "breathe"
    DOUBLE = "double"
    ALTERNATE = "alternate"
    WINK = "wink"
    WINK_SHORT = "wink_short"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """What a lamp shows: colour as #rrggbb, the waveform, and the second colour of one that alternates."""

    colour: str
    waveform: Waveform
    second_colour: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no colour, and a second colour for a lamp that does not alternate."""
        linear_rgb(self.colour)
        if (self.second_colour is not None) is not (self.waveform is Waveform.ALTERNATE):
            raise ValueError(f"lamp {self.waveform}: a second colour belongs to alternate, and only to it")
        if self.second_colour is not None:
            linear_rgb(self.second_colour)


GREEN = "#00e68c"  # bluish: a pure green is hard to tell from red for deutans
PURPLE = "#c828ff"
BLUE = "#0040ff"
WHITE = "#ffffff"
AMBER = "#ff9600"
RED = "#e00000"
BLACK = "#000000"

LAMPS: Mapping[LampState, Lamp] = {
    LampState.FREE: Lamp(colour=GREEN, waveform=Waveform.STEADY),
    LampState.FREE_UNKNOWN: Lamp(colour=GREEN, waveform=Waveform.OCCULTING),
    LampState.RESERVED: Lamp(colour=PURPLE, waveform=Waveform.STEADY),
    LampState.HELD: Lamp(colour=PURPLE, waveform=Waveform.BLINK),
    LampState.YOUR_MOVE: Lamp(colour=WHITE, waveform=Waveform.BLINK),
    LampState.PREPARING: Lamp(colour=WHITE, waveform=Waveform.STEADY),
    LampState.CHARGING: Lamp(colour=BLUE, waveform=Waveform.BREATHE),
    LampState.PAUSED: Lamp(colour=BLUE, waveform=Waveform.OCCULTING),
    LampState.FINISHED: Lamp(colour=AMBER, waveform=Waveform.SLOW_BLINK),
    LampState.PLEASE_MOVE: Lamp(colour=AMBER, waveform=Waveform.DOUBLE),
    LampState.WRONG_CAR: Lamp(colour=AMBER, waveform=Waveform.ALTERNATE, second_colour=PURPLE),
    LampState.OUT_OF_ORDER: Lamp(colour=RED, waveform=Waveform.WINK),
    LampState.DANGER: Lamp(colour=RED, waveform=Waveform.ALARM),
    LampState.STARTING: Lamp(colour=WHITE, waveform=Waveform.WINK_SHORT),
    LampState.OFF: Lamp(colour=BLACK, waveform=Waveform.OFF),
}


def themed(colours: Mapping[LampState, str], table: Mapping[LampState, Lamp] = LAMPS) -> dict[LampState, Lamp]:
    """Return the table with other colours (#rrggbb) for some states; patterns stay. Raise ValueError on no colour."""
    return {state: replace(lamp, colour=colours.get(state, lamp.colour)) for state, lamp in table.items()}


def confusable(table: Mapping[LampState, Lamp]) -> tuple[tuple[LampState, LampState, float], ...]:
    """Return the pairs of states that share a pattern in colours too close together, with their CIEDE2000 distance."""
    states = [state for state in LampState if state in table]
    found = []
    for index, one in enumerate(states):
        for other in states[index + 1 :]:
            if table[one].waveform is table[other].waveform:
                distance = least_distance(table[one].colour, table[other].colour)
                if distance < LEAST_DISTANCE:
                    found.append((one, other, distance))
    return tuple(found)
