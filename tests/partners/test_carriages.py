"""HTTP and DataTransfer: one table of results, the same envelopes, and nothing changes by what is malformed."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpus.hostile_frames import HOSTILE_FRAMES
from partner_fixtures import (
    CPO,
    EMP,
    SCSP,
    TOKENS,
    Client,
    House,
    check_in,
    house,
    id_token,
    location,
    served,
    transfers,
    valid,
    without_time,
)
from shared_fixtures import open_journal

from agent.config.link_types import Right
from agent.core.state import Site
from agent.partners import schemas
from agent.partners.data_transfer import DATA_CHARACTERS_MAX, DataTransfers
from agent.partners.operations import SWITCHED_OFF
from agent.partners.partner import csms_partner


async def carried(made: House, client: Client, operation: str, body: dict[str, Any]) -> tuple[Any, ...]:
    """Ask over HTTP as the CPO and over DataTransfer; return what both said."""
    http = await client.call("POST", f"/1.0/{operation}", token=TOKENS["cpo"], body=body)
    told = await transfers(made).receive(operation, json.dumps(body))
    valid(f"{operation}Response", http.json, is_envelope=True)
    assert isinstance(told.data, str)
    over_ocpp = json.loads(told.data)
    assert without_time(over_ocpp) == without_time(http.json)
    return http.status, http.json["status_code"], http.json["data"]["result"], told.status


# What is refused, and how both carriages say so.
REFUSED: tuple[tuple[str, dict[str, Any], tuple[Any, ...]], ...] = (
    ("CheckIn", check_in(location_id="SUED"), (200, 2003, "LOCATION_UNKNOWN", "Accepted")),
    ("CheckIn", check_in(pool_id="NONE"), (200, 2003, "POOL_UNKNOWN", "Accepted")),
    ("CheckIn", check_in(preferences={"evse_uids": ["77"]}), (200, 2003, "EVSE_UNKNOWN", "Accepted")),
    ("CheckIn", check_in(preferences={"min_power": 400_000}), (200, 1000, "NO_EVSE_FITS", "Accepted")),
    ("CheckIn", check_in("", tokens=[]), (400, 2001, "BAD_REQUEST", "Rejected")),
    ("CheckOut", {"request_id": "q1", "check_in_id": "c-0"}, (200, 1000, "CHECKIN_UNKNOWN", "Accepted")),
    ("CheckOut", {"request_id": "q2"}, (400, 2001, "BAD_REQUEST", "Rejected")),
    ("Snooze", {"request_id": "q3", "check_in_id": "c-0", "minutes": 61}, (400, 2001, "BAD_REQUEST", "Rejected")),
    (
        "ArrivalUpdate",
        {"request_id": "q4", "reservation_id": "r-0", "expected_arrival": "2026-11-25T14:00:00Z"},
        (200, 1000, "RESERVATION_UNKNOWN", "Accepted"),
    ),
    ("Cancellation", {"request_id": "q5", "reservation_id": "r-0"}, (200, 1000, "NOT_SUPPORTED", "Accepted")),
    ("Reservation", {"request_id": "q6"}, (200, 1000, "NOT_SUPPORTED", "Accepted")),
    ("Availability", {"location_id": "NORD"}, (200, 1000, "NOT_SUPPORTED", "Accepted")),
)


@pytest.mark.parametrize("number", range(len(REFUSED)))
async def test_refusals_are_the_same_on_both_carriages(tmp_path: Path, number: int) -> None:
    operation, body, expected = REFUSED[number]
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        before = made.runner.site
        assert await carried(made, client, operation, body) == expected
        assert made.runner.site == before
    journal.close()


async def test_what_is_done_is_said_the_same_on_both_carriages(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        await made.take_all()
        done = (200, 1000, "ACCEPTED", "Accepted")
        assert await carried(made, client, "CheckIn", check_in("A", request_id="d1", dry_run=True)) == done
        about: dict[str, Any] = {}
        for number, (operation, more) in enumerate(
            (
                ("CheckIn", check_in("A")),
                ("Snooze", {"minutes": 10}),
                ("ArrivalUpdate", {"expected_arrival": "2026-11-25T14:00:00Z"}),
                ("CheckOut", {}),
            )
        ):
            body = {**more, **about, "request_id": f"d2-{number}"}
            valid(f"{operation}Request", body)
            http = await client.call("POST", f"/1.0/{operation}", token=TOKENS["cpo"], body=body)
            valid(f"{operation}Response", http.json, is_envelope=True)
            assert http.json["data"]["result"] == "ACCEPTED"
            about = {"check_in_id": http.json["data"]["check_in"]["check_in_id"]}
            told = await transfers(made).receive(operation, {**body, "request_id": f"d3-{number}"})
            assert isinstance(told.data, dict)
            valid(f"{operation}Response", told.data, is_envelope=True)
            assert told.status == "Accepted"
        for operation in ("GetLocations", "GetCheckIns"):
            listed = await client.call("GET", f"/1.0/{operation}", token=TOKENS["cpo"])
            carried_over = await transfers(made).receive(operation, {})
            assert isinstance(carried_over.data, dict)
            assert without_time(carried_over.data) == without_time(listed.json)
    journal.close()


async def test_business_refusals_and_used_ids_keep_http_200(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal, layout=location(queue_limit=1)) as made, served(made) as client:
        await made.take_all()
        waiting = check_in("A")
        told = await client.call("POST", "/1.0/CheckIn", body=waiting)
        assert (told.status, told.json["data"]["check_in"]["position"]) == (200, 1)
        full = await client.call("POST", "/1.0/CheckIn", body=check_in("B"))
        assert (full.status, full.json["data"]["result"]) == (200, "POOL_FULL")
        reused = await client.call("POST", "/1.0/CheckIn", body={**waiting, "pool_id": "AC22"})
        assert (reused.status, reused.json["status_code"]) == (200, 2900)
    journal.close()


async def test_credentials_and_rights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        for token in (None, "guess-of-a-stranger", ""):
            told = await client.call("GET", "/1.0/GetLocations", token=token)
            assert (told.status, told.json["status_code"], "data" in told.json) == (401, 2000, False)
        raw = await client.call("GET", "/versions", token=None, headers={"Authorization": f"Token {TOKENS['emp']}"})
        assert raw.status == 401
        scsp = "scsp-token-0123456789"
        assert (await client.call("GET", "/1.0/GetLocations", token=scsp)).status == 200
        told = await client.call("POST", "/1.0/CheckIn", token=scsp, body=check_in())
        valid("CheckInResponse", told.json, is_envelope=True)
        assert (told.status, told.json["status_code"], told.json["data"]["result"]) == (403, 2000, "NOT_ALLOWED")
        assert (await client.call("GET", "/1.0/GetPlannedPower", token=TOKENS["emp"])).status == 403
        assert (await client.call("GET", "/1.0/GetReservations", token=scsp)).status == 403
        assert not made.runner.site.check_ins
    assert "guess-of-a-stranger" not in caplog.text
    assert "operation=CheckIn result=NOT_ALLOWED repeated=no trace=none" in caplog.text
    journal.close()


async def test_what_is_not_there_is_said_with_an_envelope(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        for method, path, status in (
            ("POST", "/1.0/Teleport", 404),
            ("GET", "/2.0/GetLocations", 404),
            ("GET", "/1.0/GetReservations", 404),
            ("GET", "/1.0/schemas/Nothing.json", 404),
            ("GET", "/1.0/CheckIn", 405),
            ("POST", "/1.0/GetLocations", 405),
            ("DELETE", "/1.0/CheckOut", 405),
        ):
            told = await client.call(method, path, headers={"X-Request-ID": "abc-1", "X-Correlation-ID": "bad id"})
            assert (told.status, told.json["status_code"]) == (status, 2000), path
            assert told.headers["X-Request-ID"] == "abc-1"
            assert "X-Correlation-ID" not in told.headers
            valid("CheckOutResponse", told.json, is_envelope=True)
        transfer = transfers(made)
        for message_id in ("Teleport", "checkin", "GetReservations", None):
            answered = await transfer.receive(message_id, "{}")
            assert (answered.status, answered.data) == ("UnknownMessageId", None)
    journal.close()


async def test_version_details_list_only_what_is_served(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        versions = (await client.call("GET", "/versions")).json["data"]
        assert [v["version"] for v in versions] == ["1.0"]
        details = (await client.call("GET", "/1.0")).json["data"]
        served_ones = {e["identifier"] for e in details["endpoints"]}
        assert served_ones == {"CheckIn", "CheckOut", "Snooze", "ArrivalUpdate", "GetLocations", "GetCheckIns"}
        assert served_ones.isdisjoint(SWITCHED_OFF)
        assert versions[0]["url"] == details["endpoints"][0]["url"].removesuffix("/CheckIn")
    journal.close()


async def test_schemas_are_served_to_everybody(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        for name in schemas.names():
            told = await client.call("GET", f"/1.0/schemas/{name}.json", token=None)
            assert told.status == 200
            assert told.json["$id"].endswith(f"/{name}.json")
    journal.close()


async def test_hostile_bodies_change_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        before = made.runner.site
        transfer = transfers(made)
        for what, text in HOSTILE_FRAMES:
            await made.clock.advance(1)  # within the rate
            data = text.encode("utf-8", "surrogatepass")
            told = await client.call("POST", "/1.0/CheckIn", data=data)
            assert told.status in (400, 413), what
            assert told.json["status_code"] == 2001
            assert told.json["status_message"]
            answered = await transfer.receive("CheckIn", text)
            assert answered.status == "Rejected", what
        assert made.runner.site.check_ins == before.check_ins
    assert "result=BAD_REQUEST" in caplog.text
    assert "Traceback" not in caplog.text
    journal.close()


async def test_a_body_of_unknown_length_is_cut_off(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 1024

    async with house(journal) as made, served(made) as client:
        told = await client.call("POST", "/1.0/CheckIn", data=endless())
        assert (told.status, told.json["status_code"]) == (413, 2001)
    journal.close()


async def test_objects_of_ocpp_2_are_held_to_the_same_limits(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        transfer = transfers(made)
        deep: dict[str, Any] = {}
        for _ in range(40):
            deep = {"a": deep}
        wrong: tuple[object, ...] = (deep, {"a": "x" * 20_000}, {"a": 10**400}, {"a": "\ud800"}, [], 7, "x" * 20_000)
        for data in wrong:
            answered = await transfer.receive("CheckIn", data)
            assert answered.status == "Rejected"
        told = await transfer.receive("GetLocations", None)
        assert isinstance(told.data, str)
    journal.close()


async def test_rates_are_each_credentials_own(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        leave = {"check_in_id": "c-1"}
        statuses = [
            (await client.call("POST", "/1.0/CheckOut", body={**leave, "request_id": f"r{n}"})).status
            for n in range(55)
        ]
        assert statuses == [200] * 50 + [429] * 5
        busy = await client.call("POST", "/1.0/CheckOut", body={**leave, "request_id": "r60"})
        assert (busy.json["status_code"], busy.json["data"]["result"]) == (2901, "BUSY")
        assert busy.headers["Retry-After"] == "1"
        assert (
            await client.call("POST", "/1.0/CheckOut", token=TOKENS["oem"], body={**leave, "request_id": "r1"})
        ).status == 200
        await made.clock.advance(1)
        assert (await client.call("POST", "/1.0/CheckOut", body={**leave, "request_id": "r60"})).status == 200
    journal.close()


async def test_lists_come_in_pages_with_links_and_tags(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        await made.take_all()
        for _ in range(3):
            await made.ask(EMP, "CheckIn", check_in())
        first = await client.call("GET", "/1.0/GetCheckIns?limit=2")
        valid("GetCheckInsResponse", first.json, is_envelope=True)
        assert (first.headers["X-Total-Count"], first.headers["X-Limit"], first.json["total_count"]) == ("3", "2", 3)
        link = first.headers["Link"]
        assert link.endswith('offset=2>; rel="next"') or "offset=2" in link
        rest = await client.call("GET", "/1.0/GetCheckIns?limit=2&offset=2")
        assert "Link" not in rest.headers
        positions = [c["position"] for c in first.json["data"] + rest.json["data"]]
        assert positions == [1, 2, 3]
        tagged = {"If-None-Match": f'"other", {first.headers["ETag"]}'}
        same = await client.call("GET", "/1.0/GetCheckIns?limit=2", headers=tagged)
        assert (same.status, same.text) == (304, "")
        for query in ("limit=0", "limit=101", "offset=-1", "limit=1&limit=2", "date_from=yesterday", "limit=x"):
            assert (await client.call("GET", f"/1.0/GetCheckIns?{query}")).status in (400, 429), query
            await made.clock.advance(1)
        none = await client.call("GET", "/1.0/GetCheckIns?date_from=2030-01-01T00:00:00Z")
        assert none.json["data"] == []
    journal.close()


async def test_the_poi_data_tell_pools_evses_and_states(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        await made.ask(EMP, "CheckIn", check_in())
        await made.seen(2)
        told = (await client.call("GET", "/1.0/GetLocations?location_id=nord")).json
        valid("GetLocationsResponse", told, is_envelope=True)
        (site,) = told["data"]
        assert {e["uid"]: e["status"] for e in site["evses"]} == {"1": "RESERVED", "2": "BLOCKED", "3": "AVAILABLE"}
        assert site["evses"][1]["vehicle_types"] == ["PERSONAL_VEHICLE", "DISABLED"]
        dc, ac = (pool["state"] for pool in site["charging_pools"])
        assert (dc["status"], dc["queue_length"], dc["evses_free"], dc["evses_in_service"]) == ("OPEN", 0, 0, 2)
        assert (ac["evses_free"], site["evses"][2]["connectors"][0]["power_type"]) == (1, "AC_3_PHASE")
        assert site["charging_pools"][0]["queue_terms"]["arrival_window_seconds"] == 300
        codes = list(made.runner.site.codes_in_use())
        assert codes
        assert not any(f'"{code}"' in json.dumps(told) for code in codes)
        assert (await client.call("GET", "/1.0/GetLocations?location_id=other")).json["data"] == []
    journal.close()


async def test_long_lists_are_cut_to_what_a_data_transfer_carries(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal, layout=location(queue_limit=200)) as made:
        await made.take_all()
        for _ in range(90):
            await made.clock.advance(0.2)
            await made.ask(CPO, "CheckIn", check_in())
        told = await transfers(made).receive("GetCheckIns", '{"limit":100}')
        assert isinstance(told.data, str)
        assert len(json.dumps(told.data)) - 2 <= DATA_CHARACTERS_MAX
        envelope = json.loads(told.data)
        valid("GetCheckInsResponse", envelope, is_envelope=True)
        assert envelope["limit"] == len(envelope["data"]) < envelope["total_count"] == 90
    journal.close()


async def test_a_carriage_that_is_switched_off_says_so(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        off = DataTransfers(made.partners, csms_partner("DE", "ABC"), lambda: False)
        status, data = await off.vendor("CheckIn", json.dumps(check_in()))
        assert (status, json.loads(data or "")["status_code"]) == ("Rejected", 2000)
        assert not made.runner.site.check_ins
        assert await off.vendor("Teleport", None) == ("UnknownMessageId", None)
    journal.close()


async def test_a_response_url_from_the_csms_is_ignored(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in("A", response_url="https://somewhere.example/x")
        status, data = await transfers(made).vendor("CheckIn", json.dumps(body))
        assert (status, json.loads(data or "")["data"]["result"]) == ("Accepted", "ACCEPTED")
        assert made.parts.urls.of(1) is None  # a response_url is ignored here: updates come over the same link
    journal.close()


async def test_a_csms_with_fewer_rights_gets_fewer_answers(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        reader = replace(csms_partner("DE", "ABC"), rights=frozenset({Right.READ}))
        told = await DataTransfers(made.partners, reader).receive("CheckIn", json.dumps(check_in()))
        assert told.status == "Rejected"
        assert isinstance(told.data, str)
        assert json.loads(told.data)["data"]["result"] == "NOT_ALLOWED"
    journal.close()


async def test_our_own_mistake_is_admitted_without_the_body(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:

        async def broken(uid: str, kind: str) -> Any:
            raise RuntimeError(f"about {uid} {kind}")

        object.__setattr__(made.parts.context, "judge", broken)
        told = await client.call("POST", "/1.0/CheckIn", body=check_in("MARKER99", tokens=[id_token("MARKER99")]))
        valid("CheckInResponse", told.json, is_envelope=True)
        assert (told.status, told.json["status_code"], told.json["data"]["result"]) == (500, 3000, "INTERNAL")
        reference = told.json["status_message"].removeprefix("reference ")
        assert reference in caplog.text
        assert "MARKER99" not in caplog.text
    journal.close()


async def test_an_unknown_role_of_rights_is_no_loophole(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        for operation, right in {**dict.fromkeys(made.partners.operations, None), **SWITCHED_OFF}.items():
            may = right in SCSP.rights or operation in ("GetLocations", "Availability", "GetPlannedPower")
            told = await made.partners.handle(SCSP, operation, {"request_id": "n"})
            assert (told.result == "NOT_ALLOWED") is not may, operation
    journal.close()


async def test_a_site_that_starts_asks_to_come_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        made.parts.context.runner._site = Site()  # before the layout is read
        for method, path, body in (("GET", "/1.0/GetLocations", None), ("POST", "/1.0/CheckIn", check_in())):
            told = await client.call(method, path, body=body)
            assert (told.status, told.json["status_code"], told.headers["Retry-After"]) == (503, 3000, "5")
            valid("CheckInResponse", told.json, is_envelope=True)
    journal.close()
