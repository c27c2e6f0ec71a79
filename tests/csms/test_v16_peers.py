"""Central Systems that are slow, rude, broken or strangers: over real sockets, each frame written by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from corpus.hostile_frames import HOSTILE_FRAMES
from csms_fixtures import UTC_MS, agent, eventually
from ocpp_csms import CentralSystem
from ocpp_csms.models import StatusEvent, TransactionStartedEvent, TransactionStoppedEvent
from websockets import Subprotocol
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from agent.csms.back_off import BackOff
from agent.ocpp.frames import FRAME_BYTES_MAX
from agent.ocpp.instants import render_instant
from drivers.twin.clock import ManualClock

ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
Script = Callable[[str, str], list[Any] | None]


@dataclass
class Scripted:
    """A Central System that answers as its script says: (action, message id) to the frames to send."""

    script: Script = field(default=lambda *_: None)
    heard: list[list[Any]] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    refuse: Callable[[ServerConnection, Request], Response | None] = field(default=lambda *_: None)
    attempts: int = 0
    port: int = 0
    server: Server | None = None

    async def open(self, **options: Any) -> None:
        protocols = {"subprotocols": [Subprotocol("ocpp1.6")]} | options
        self.server = await serve(
            self._serve, "127.0.0.1", self.port, ping_interval=None, process_request=self._request, **protocols
        )
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    def _request(self, socket: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        return self.refuse(socket, request)

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        async for text in socket:
            frame = json.loads(text)
            self.heard.append(frame)
            for answer in self._answers(frame):
                await socket.send(json.dumps(answer))

    def _answers(self, frame: list[Any]) -> list[Any]:
        if frame[0] != 2:
            return []
        scripted = self.script(frame[2], frame[1])
        if scripted is not None:
            return scripted
        now = render_instant(UTC_MS)
        usual: dict[str, Any] = {
            "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 0},
            "Heartbeat": {"currentTime": now},
            "Authorize": ACCEPTED,
            "StartTransaction": {"transactionId": 7, **ACCEPTED},
        }
        return [[3, frame[1], usual.get(frame[2], {})]]

    def sent(self, action: str) -> list[list[Any]]:
        return [frame for frame in self.heard if frame[0] == 2 and frame[2] == action]

    async def say(self, frame: Any) -> None:
        await self.sockets[-1].send(frame if isinstance(frame, str) else json.dumps(frame))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def peer() -> AsyncIterator[Scripted]:
    made = Scripted()
    await made.open()
    yield made
    if made.server is not None:
        made.server.close()
        await made.server.wait_closed()


async def test_answer_that_never_comes_is_given_up_as_ordered_and_the_stop_says_minus_one(
    tmp_path: Path, clock: ManualClock, peer: Scripted
) -> None:
    peer.script = lambda action, _: [] if action == "StartTransaction" else None
    keys: dict[str, Any] = {
        "TransactionMessageAttempts": "2",
        "TransactionMessageRetryInterval": "60",
        "MessageTimeout": "30",
    }
    async with agent(tmp_path, clock, peer.port, **keys) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        one_plugged = asyncio.ensure_future(one.plug(1, 100))
        await eventually(lambda: len(peer.sent("StartTransaction")) == 1, "the first sending")
        await one.wait_unanswered(89)  # 30 s time-out, 60 s x 1 wait
        assert len(peer.sent("StartTransaction")) == 1
        await one.wait_unanswered(2)
        await eventually(lambda: len(peer.sent("StartTransaction")) == 2, "the second sending")
        await one.wait_unanswered(30)
        await one_plugged
        (dead,) = one.journal.dead_letters()
        assert dead.reason == "not processed by the CSMS in 2 attempts"
        await one.unplug(1, 200)
        first, second = peer.sent("StartTransaction")
        assert first == second  # the same id, the same bytes: the CSMS can tell
        assert peer.sent("StopTransaction")[0][3]["transactionId"] == -1


async def test_late_answer_still_binds_and_nothing_is_sent_again(
    tmp_path: Path, clock: ManualClock, peer: Scripted
) -> None:
    peer.script = lambda action, _: [] if action == "StartTransaction" else None
    async with agent(tmp_path, clock, peer.port, MessageTimeout="30") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        plugged = asyncio.ensure_future(one.plug(1, 100))
        await eventually(lambda: len(peer.sent("StartTransaction")) == 1, "the first sending")
        await one.wait_unanswered(40)
        await plugged
        await peer.say([3, peer.sent("StartTransaction")[0][1], {"transactionId": 55, **ACCEPTED}])
        await eventually(lambda: one.csms.delivery.stay_of(55) is not None, "the late answer counted")
        await one.unplug(1, 200)
        assert peer.sent("StopTransaction")[0][3]["transactionId"] == 55
        assert len(peer.sent("StartTransaction")) == 1


async def test_doubled_wrong_and_unreadable_answers_harm_nobody(
    tmp_path: Path, clock: ManualClock, peer: Scripted
) -> None:
    def rude(action: str, message_id: str) -> list[Any] | None:
        if action != "StartTransaction":
            return None
        good = [3, message_id, {"transactionId": 9, **ACCEPTED}]
        return [[3, "nobody", {}], [6, message_id, {}], good, good, [4, message_id, "GenericError", "", {}]]

    peer.script = rude
    async with agent(tmp_path, clock, peer.port) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 100)
        await one.unplug(1, 200)
        assert len(peer.sent("StartTransaction")) == 1
        assert peer.sent("StopTransaction")[0][3]["transactionId"] == 9
        assert one.journal.dead_letters() == ()


@pytest.mark.parametrize(
    "answer",
    [
        [4, "?", "InternalError", "", {}],
        [3, "?", {"transactionId": "7", **ACCEPTED}],
        [3, "?", []],
    ],
)
async def test_start_that_the_central_system_fails_to_process_is_sent_again(
    tmp_path: Path, clock: ManualClock, peer: Scripted, answer: list[Any]
) -> None:
    def failing(action: str, message_id: str) -> list[Any] | None:
        first = action == "StartTransaction" and len(peer.sent(action)) == 1
        return [[answer[0], message_id, *answer[2:]]] if first else None

    peer.script = failing
    async with agent(tmp_path, clock, peer.port, TransactionMessageRetryInterval="60") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 100)
        await one.wait(50)
        assert len(peer.sent("StartTransaction")) == 1
        await one.wait(50)
        assert len(peer.sent("StartTransaction")) == 2
        assert one.csms.delivery.stay_of(7) is not None


async def test_connection_lost_while_a_row_is_open_is_no_attempt(
    tmp_path: Path, clock: ManualClock, peer: Scripted
) -> None:
    peer.script = lambda action, _: [] if action == "StartTransaction" and len(peer.sent(action)) < 4 else None
    async with agent(tmp_path, clock, peer.port, TransactionMessageAttempts="1") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        plugged = asyncio.ensure_future(one.plug(1, 100))
        for sending in (1, 2, 3):
            await eventually(lambda n=sending: len(peer.sent("StartTransaction")) == n, f"sending {sending}")  # type: ignore[misc]
            await peer.sockets[-1].close()
            await eventually(lambda: not one.csms.link.online, "the loss was noticed")
            while not one.csms.link.online:
                await one.wait_unanswered(1)
        await plugged
        await one.rest()
        assert len({json.dumps(frame) for frame in peer.sent("StartTransaction")}) == 1
        assert one.csms.delivery.stay_of(7) is not None
        assert one.journal.dead_letters() == ()


async def test_hostile_frames_leave_the_station_working(tmp_path: Path, clock: ManualClock, peer: Scripted) -> None:
    async with agent(tmp_path, clock, peer.port) as one:
        await one.online()
        await one.rest()
        for _, text in HOSTILE_FRAMES:
            if len(text.encode(errors="replace")) < FRAME_BYTES_MAX and text.isprintable():
                await peer.say(text)
        await peer.say([2, "last", "GetConfiguration", {"key": ["NumberOfConnectors"]}])
        await eventually(lambda: any(frame[:2] == [3, "last"] for frame in peer.heard), "the answer to a good call")
        answers = [frame for frame in peer.heard if frame[0] == 4]
        assert answers
        assert {frame[2] for frame in answers} == {"FormationViolation"}
        assert len(peer.sockets) == 1


async def test_frame_beyond_the_limit_costs_the_connection_but_not_the_station(
    tmp_path: Path, clock: ManualClock, peer: Scripted
) -> None:
    async with agent(tmp_path, clock, peer.port) as one:
        await one.online()
        await peer.say("x" * (FRAME_BYTES_MAX + 1))
        await eventually(lambda: not one.csms.link.online, "the connection was closed")
        await one.online()
        assert len(peer.sockets) == 2


async def test_station_that_is_not_known_keeps_trying(tmp_path: Path, clock: ManualClock, peer: Scripted) -> None:
    peer.refuse = lambda socket, _: socket.respond(HTTPStatus.NOT_FOUND, "who?\n") if peer.attempts < 4 else None
    async with agent(tmp_path, clock, peer.port) as one:
        await one.online()
        assert peer.attempts == 4
        assert clock.monotonic() >= 10 + 20 + 40  # OCPP-J 1.6 erratum 3.4: with a back-off


async def test_redirect_is_not_followed(tmp_path: Path, clock: ManualClock, peer: Scripted) -> None:
    elsewhere = Scripted()
    await elsewhere.open()

    def lead_away(socket: ServerConnection, _: Request) -> Response:
        response = socket.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = f"ws://127.0.0.1:{elsewhere.port}/ocpp/NORD-1"
        return response

    peer.refuse = lead_away
    async with agent(tmp_path, clock, peer.port, password=b"secret-password") as one:
        await eventually(lambda: peer.attempts == 1, "the first attempt")
        await one.wait(60)
        assert peer.attempts > 1
        assert elsewhere.attempts == 0
    assert elsewhere.server is not None
    elsewhere.server.close()
    await elsewhere.server.wait_closed()


async def test_central_system_of_another_version_is_not_talked_to(tmp_path: Path, clock: ManualClock) -> None:
    stranger = Scripted()
    await stranger.open(subprotocols=None)
    async with agent(tmp_path, clock, stranger.port) as one:
        await eventually(lambda: bool(one.csms.link.connection.last_error), "the refusal")
        assert "does not speak ocpp1.6" in one.csms.link.connection.last_error
        assert stranger.heard == []
    assert stranger.server is not None
    stranger.server.close()
    await stranger.server.wait_closed()


async def test_station_works_with_a_central_system_that_others_wrote(tmp_path: Path, clock: ManualClock) -> None:
    events: list[Any] = []

    async def known(identity: str, password: str | None) -> bool:
        return (identity, password) == ("NORD-1", "secret-password")

    async with CentralSystem(host="127.0.0.1", port=0, ping_interval=None, authenticate=known) as central:
        central.add_listener(events.append)
        async with agent(tmp_path, clock, central.port, password=b"secret-password") as one:
            await one.online()
            await one.rest()
            station = central.charge_points["NORD-1"]
            assert await station.async_remote_start_transaction("ANNA", 1) == "Accepted"
            await one.plug(1, 1_000)
            running = station.get_transaction(1)
            assert running is not None
            assert running.meter_start == 1_000
            assert await station.async_remote_stop_transaction(running.transaction_id) == "Accepted"
            await one.unplug(1, 2_500)
            keys = await station.async_get_configuration()
            assert keys.values["NumberOfConnectors"].value == "2"
    assert [event.transaction.id_tag for event in events if isinstance(event, TransactionStartedEvent)] == ["ANNA"]
    (stopped,) = [event.transaction for event in events if isinstance(event, TransactionStoppedEvent)]
    assert stopped.energy_wh == 1_500
    told = [event.connector for event in events if isinstance(event, StatusEvent)]
    shown = [one.status for one in told if one.connector_id == 1]
    assert shown[0] == "Available"
    assert "Charging" in shown
    assert shown[-1] == "Available"


def test_back_off_doubles_then_stays_and_starts_again_after_a_success() -> None:
    back_off, waits = BackOff(wait_minimum_s=10, random_range_s=4, repeat_times=3), []
    for _ in range(6):
        waits.append(back_off.wait_s(0.5))
        back_off = back_off.failed()
    assert waits == [12, 22, 42, 82, 82, 82]
    assert back_off.worked().wait_s(0) == 10
    with pytest.raises(ValueError, match="back-off"):
        BackOff(wait_minimum_s=-1)
