"""Cut the power of an agent that talks to a CSMS: every transaction reaches it once, in order, whatever happens.

The CSMS goes away now and then, forgets answers, and never takes some messages. What came in, frame by frame, is held
against what a second reader of the journal's events says is owed.
"""

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

from campaign import Kept, Said, cut, figures, last_start, lost, one_start, what_was_kept
from central_system import CentralSystem, Heard, refused
from forgetful_disk import ForgetfulDisk
from witness_of_transactions import Expected, expected, went_on

SOAK = bool(os.environ.get("STATIONMASTER_SOAK"))
CUTS = 200 if SOAK else 8
NO_TRANSACTION = -1  # errata 3.18


def _first(heard: list[Heard]) -> list[Heard]:
    """Return each message once, as it came first; one that came again must have been the very same."""
    known: dict[str, Heard] = {}
    for one in heard:
        assert known.setdefault(one.message_id, one) == one, "another message under the same id"
    return list(known.values())


def _told(one: Heard) -> tuple[str, int, str, int]:
    """What a start or stop says: action, transaction's id or connector, time, register."""
    said = one.payload
    if one.action == "StartTransaction":
        return (one.action, said["connectorId"], said["timestamp"], said["meterStart"])
    return (one.action, said["transactionId"], said["timestamp"], said["meterStop"])


def _owed(one: Expected, bound: Mapping[int, int]) -> tuple[str, int, str, int]:
    who = one.connector_id if one.action == "StartTransaction" else bound[one.stay]
    return (one.action, who, one.timestamp, one.register_wh)


def _bound(central: CentralSystem, starts: list[Heard], owed: list[Expected]) -> dict[int, int]:
    """Return the transaction id that the CSMS gave, by stay; without one, what the errata order."""
    stays = [one.stay for one in owed if one.action == "StartTransaction"]
    given = [
        NO_TRANSACTION if refused(one.message_id) else json.loads(central.answers[one.message_id])[2]["transactionId"]
        for one in starts
    ]
    return dict(zip(stays, given, strict=True))


def _assert_told_once_in_order(central: CentralSystem, said: Said, kept: Kept) -> None:
    heard, owed = _first(central.heard), expected(kept.stored)
    print(
        figures(
            said,
            kept,
            messages=len(heard),
            came_again=len(central.heard) - len(heard),
            absences=central.absences,
            went_on=went_on(kept.stored),
            dead_letters=len(kept.given_up),
            still_owed=len(kept.owed),
        )
    )
    assert lost(said, kept) == []
    told = [one for one in heard if one.action != "MeterValues"]
    bound = _bound(central, [one for one in told if one.action == "StartTransaction"], owed)
    assert [_told(one) for one in told] == [_owed(one, bound) for one in owed]
    _assert_readings_within_their_transactions(heard, owed, bound)
    assert kept.owed == ()
    given_up = {one.owed.message_id for one in kept.given_up}
    assert given_up <= {one.message_id for one in heard if refused(one.message_id)}
    # A cut may take a reading of the last minute that the CSMS was refusing; starts and stops never.
    assert given_up >= {one.message_id for one in told if refused(one.message_id)}
    assert all("not processed" in one.reason for one in kept.given_up)


def _assert_readings_within_their_transactions(
    heard: list[Heard], owed: list[Expected], bound: Mapping[int, int]
) -> None:
    """Each reading comes after the start and before the stop of the transaction whose id it carries."""
    turns, open_at = iter(owed), dict[int, int]()
    for one in heard:
        if one.action == "MeterValues":
            said = one.payload
            assert said["transactionId"] == open_at.get(said["connectorId"]), "a reading outside of its transaction"
            continue
        turn = next(turns)
        if turn.action == "StartTransaction":
            open_at[turn.connector_id] = bound[turn.stay]
        else:
            del open_at[turn.connector_id]


def _busy(central: CentralSystem, kept: Kept) -> None:
    """The campaign is worth something only if all of it happened."""
    first = _first(central.heard)
    assert went_on(kept.stored) or not SOAK, "no car charged on after a cut"  # a short campaign may be lucky
    assert {one.action for one in first} >= {"StartTransaction", "StopTransaction"}, "the site was not busy"
    assert central.absences > 0
    assert len(first) < len(central.heard) or not SOAK, "nothing ever came twice"  # a short campaign may be lucky


def test_every_transaction_reaches_the_csms_once_in_order_over_kills(tmp_path: Path) -> None:
    chance, said = random.Random(11), Said()
    with CentralSystem(seed=11) as central:
        for _ in range(CUTS):
            one_start(tmp_path / "state", chance, said, csms_url=central.url)
        central.stay()
        last_start(tmp_path / "state", chance, said, csms_url=central.url)
    kept = what_was_kept(tmp_path / "state")
    _assert_told_once_in_order(central, said, kept)
    _busy(central, kept)


def test_every_transaction_reaches_the_csms_once_in_order_on_a_disk_that_forgets(tmp_path: Path) -> None:
    chance, said = random.Random(12), Said()
    disk = ForgetfulDisk(tmp_path / "state", tmp_path / "tools")
    with CentralSystem(seed=12) as central:
        for _ in range(CUTS):
            one_start(disk.root, chance, said, environment=disk.environment(), csms_url=central.url)
            cut(disk, chance)
        central.stay()
        last_start(disk.root, chance, said, environment=disk.environment(), csms_url=central.url)
    kept = what_was_kept(disk.root)
    _assert_told_once_in_order(central, said, kept)
    _busy(central, kept)
