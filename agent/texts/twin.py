"""Why something cannot be done to a simulated site from its panel."""

from enum import StrEnum


class Unable(StrEnum):
    """The reasons; the values are the keys under `twin.unable.`"""

    NOTHING_DUE = "nothing_due"
    NO_OUTSIDE = "no_outside"
    NO_SUPPLY = "no_supply"
    REPLAYING = "replaying"
    NOT_REPLAYING = "not_replaying"
