"""Periodic readings of running transactions: taken in memory, sent while there is a line, else kept on disk.

A reading that is answered within a minute never touches the disk. One that waits longer asks for a checkpoint of its
register, and any event that owes or notes something takes all waiting readings into its own commit, before what it owes
itself: so what is owed stays in order of time. Decides when a reading is due and which may be dropped; renders nothing.
Follows OCPP 1.6 9.1.19 (MeterValueSampleInterval) and, where memory is short, the order of dropping of 2.0.1 E04.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.core.layout import EvseId
from agent.core.shown import Readings
from agent.ocpp.v16 import transactions as tx
from agent.ocpp.v16.keys import ENERGY, POWER, SOC, KeyTable

SPILL_AFTER_MS = (
    60_000  # what a power cut may take of the readings; starts, stops and registers are never in memory only
)
SAMPLES_MAX = 512  # ten minutes of 50 EVSEs at one a minute; beyond it every second one is dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A reading that is not durable, with its place among all readings and the id of the message it becomes."""

    number: int
    message_id: str
    fact: tx.Metered
    frame: bytes | None = None  # as it was first sent, so that every repetition is the same message


class Sampling:
    """The readings that wait. One per station; lives in the loop of runner and link."""

    def __init__(self, new_id: Callable[[], str], keys: Callable[[], KeyTable], room: Callable[[], bool]) -> None:
        """`room`: whether the owed lane takes readings."""
        self._new_id = new_id
        self._keys = keys
        self._room = room
        self._taken: dict[int, int] = {}  # by stay: how many intervals of its transaction are accounted for
        self._waiting: list[Sample] = []
        self._number = 0
        self._handed = 0  # the place of the last reading that went to a turn, whose commit may be under way
        self._asked_ms: int | None = None

    # --- taking

    def take(self, state: tx.TxState, readings: Readings, now_ms: int, boot: int) -> None:
        """Take the readings that are due at an elapsed instant."""
        running = _running(state)
        stays = {known.stay for known in running.values()}
        self._taken = {stay: count for stay, count in self._taken.items() if stay in stays}
        for connector_id, known in sorted(running.items()):
            count = self._intervals(known, now_ms)
            if count > self._taken.setdefault(known.stay, count):
                self._taken[known.stay] = count
                self._add(connector_id, known, readings, now_ms, boot)

    def wake(self, state: tx.TxState, now_ms: int) -> int | None:
        """Return the elapsed instant at which a reading is due or wants to be kept, or None."""
        interval_ms = self._interval_ms
        instants = [
            known.begun_ms + (self._taken.get(known.stay, self._intervals(known, now_ms)) + 1) * interval_ms
            for known in _running(state).values()
            if interval_ms
        ]
        if self._waiting:
            instants.append(self._spill_ms)
        return min(instants, default=None)

    def overdue(self, now_ms: int) -> Mapping[int, int]:
        """Return the registers in Wh to note, by connector, if readings have waited too long; once a minute."""
        if not self._waiting or now_ms < self._spill_ms:
            return {}
        self._asked_ms = now_ms
        last = {one.fact.connector_id: one.fact.register_wh for one in self._waiting}
        return {connector_id: register for connector_id, register in last.items() if register is not None}

    # --- sending and keeping

    @property
    def first(self) -> Sample | None:
        """The oldest reading that waits."""
        return self._waiting[0] if self._waiting else None

    def after(self, number: int) -> tuple[Sample, ...]:
        """Return the readings after a place, for the commit that takes them; none while the owed lane has no room."""
        if not self._room():
            return ()
        found = tuple(one for one in self._waiting if one.number > number)
        self._handed = found[-1].number if found else self._handed
        return found

    def kept(self, number: int, state: tx.TxState) -> None:
        """The readings up to a place are durable; what was taken while an end was being written is none."""
        self._waiting = [one for one in self._waiting if one.number > number and _before_the_end(one, state)]

    def knows(self, message_id: str) -> bool:
        """Whether a reading waits here."""
        return any(one.message_id == message_id for one in self._waiting)

    def freeze(self, sample: Sample, frame: bytes) -> None:
        """Keep the payload of a reading that is sent for the first time."""
        self._waiting = [replace(one, frame=frame) if one is sample else one for one in self._waiting]

    def take_all(self) -> tuple[Sample, ...]:
        """Return all readings that no turn has, and let go of them: the agent stops."""
        waiting, self._waiting = tuple(one for one in self._waiting if one.number > self._handed), []
        return waiting

    def done(self, message_id: str) -> Sample | None:
        """Let go of a reading that was delivered or given up; return it, None if it does not wait here."""
        found = next((one for one in self._waiting if one.message_id == message_id), None)
        if found is not None:
            self._waiting.remove(found)
        return found

    # --- inside

    @property
    def _interval_ms(self) -> int:
        return self._keys().number("MeterValueSampleInterval") * 1000

    @property
    def _spill_ms(self) -> int:
        return max(self._waiting[0].fact.at_ms, self._asked_ms or 0) + SPILL_AFTER_MS

    def _intervals(self, known: tx.Tx, now_ms: int) -> int:
        return max(now_ms - known.begun_ms, 0) // self._interval_ms if self._interval_ms else 0

    def _add(self, connector_id: int, known: tx.Tx, readings: Readings, now_ms: int, boot: int) -> None:
        reading = readings.get(EvseId(connector_id))
        if reading is None:
            return
        asked = self._keys().items("MeterValuesSampledData")
        fact = tx.Metered(
            stay=known.stay,
            connector_id=connector_id,
            at_ms=now_ms,
            boot=boot,
            register_wh=known.read(reading.register_wh).told_wh if ENERGY in asked else None,
            power_w=reading.power_w if POWER in asked else None,
            soc_percent=reading.soc_percent if SOC in asked else None,
        )
        if (fact.register_wh, fact.power_w, fact.soc_percent) == (None, None, None):
            return
        self._number += 1
        self._waiting.append(Sample(number=self._number, message_id=self._new_id(), fact=fact))
        if len(self._waiting) > SAMPLES_MAX:
            self._waiting = [*self._waiting[1:-1:2], self._waiting[-1]]


def _before_the_end(sample: Sample, state: tx.TxState) -> bool:
    known = state.open.get(sample.fact.connector_id)
    if known is None or known.stay != sample.fact.stay:
        return False
    return known.ended_ms is None or sample.fact.at_ms <= known.ended_ms


def _running(state: tx.TxState) -> dict[int, tx.Tx]:
    return {connector_id: known for connector_id, known in state.open.items() if known.runs}
