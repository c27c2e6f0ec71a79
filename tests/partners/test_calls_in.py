"""What surrounds a partner's call: what the log says of it, encryption, and the answer while SeQueRe is off."""

import json
import logging
from pathlib import Path

import pytest
from partner_fixtures import EMP, check_in, house, served, valid
from shared_fixtures import open_journal

from agent.config.link_types import Right, Role
from agent.partners.data_transfer import DataTransfers
from agent.partners.http import is_open_to_all
from agent.partners.partner import csms_partner


async def test_the_log_names_a_call_as_the_partner_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    journal = open_journal(tmp_path)
    async with house(journal) as made, served(made) as client:
        headers = {
            "X-Request-ID": "req-7",
            "X-Correlation-ID": "corr-8",
            "OCPI-from-country-code": "NL",
            "OCPI-from-party-id": 'x" problem="forged',
        }
        told = await client.call("POST", "/1.0/CheckIn", body=check_in(), headers=headers)
        assert (told.headers["X-Request-ID"], told.headers["X-Correlation-ID"]) == ("req-7", "corr-8")
        await client.call("POST", "/1.0/CheckIn", data=b"{", headers={"X-Correlation-ID": "corr-9"})
    (line, malformed) = [r.getMessage() for r in caplog.records if "sequere=answered" in r.getMessage()]
    assert "trace=req-7 correlation=corr-8 from_country=NL problem=''" in line
    assert "correlation=corr-9" in malformed
    assert "forged" not in caplog.text
    journal.close()


@pytest.mark.parametrize(
    ("remote", "secure", "refused"),
    [
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("10.1.2.3", False, False),
        ("fd00::7", False, False),
        ("9.9.9.9", False, True),
        ("2620:fe::9", False, True),
        ("9.9.9.9", True, False),
        (None, False, False),  # a socket of this machine that is none of the internet
    ],
)
def test_calls_over_the_internet_are_taken_by_tls_only(remote: str | None, secure: bool, refused: bool) -> None:
    assert is_open_to_all(remote, secure=secure) is refused


async def test_a_call_while_sequere_is_off_is_answered_by_its_request_id(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        transfers = DataTransfers(made.partners, csms_partner("DE", "ABC"), enabled=lambda: False)
        answered = await transfers.receive("CheckIn", json.dumps(check_in(request_id="r1")))
        assert (answered.status, isinstance(answered.data, str)) == ("Rejected", True)
        told = json.loads(str(answered.data))
        valid("CheckInResponse", told, is_envelope=True)
        assert (told["data"]["request_id"], told["data"]["result"], told["status_code"]) == ("r1", "NOT_ALLOWED", 2000)
        answered = await transfers.receive("CheckIn", "{")
        assert (answered.status, json.loads(str(answered.data))["status_code"]) == ("Rejected", 2001)
        assert not made.runner.site.check_ins
    journal.close()


def test_a_csms_of_another_role_sees_its_own_entries_only() -> None:
    hub = csms_partner("DE", "ABC", Role.HUB)
    assert (hub.owns("csms"), hub.owns("partner/emp"), hub.owns(None)) == (True, False, False)
    assert Right.POWER not in hub.rights
    assert csms_partner("DE", "ABC").owns(None)


async def test_an_update_of_the_departure_is_held_to_the_forecast(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        await made.ask(EMP, "CheckIn", check_in("A"))
        mine = (await made.ask(EMP, "CheckIn", check_in("B")))["check_in"]
        assert mine["wait_minutes"]["p90"] > 2
        update = {"check_in_id": mine["check_in_id"], "expected_arrival": "2026-11-25T13:00:00Z"}
        soon = {**update, "request_id": "u1", "departure_time": "2026-11-25T13:01:00Z"}
        assert (await made.ask(EMP, "ArrivalUpdate", soon))["result"] == "DEPARTURE_TOO_SOON"
        assert made.runner.site.check_ins[max(made.runner.site.check_ins)].departure_utc_ms is None
        late = {**update, "request_id": "u2", "departure_time": "2026-11-25T23:00:00Z"}
        assert (await made.ask(EMP, "ArrivalUpdate", late))["result"] == "ACCEPTED"
    journal.close()
