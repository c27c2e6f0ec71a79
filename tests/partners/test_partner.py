"""Who a partner is, and the small rules of numbers, rates and dues."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from partner_fixtures import ALL, EMP, TOKENS, partner

from agent.config.link_types import PartnerSettings, Right, Role
from agent.config.settings import Secret
from agent.core.inputs import Refusal
from agent.core.shown import WaitRange
from agent.core.state import CheckInState
from agent.partners.entries import Told
from agent.partners.partner import Credentials, PartnerUnusable, partner_of
from agent.partners.rates import Called, Rates
from agent.partners.results import KIND_OF, RESULT_OF
from agent.partners.sequences import LOW_BITS, Sequences
from agent.partners.updates import ENTRY_GAP_MS, FORECAST_GAP_MS, Last, PoolTold, due_ms, pool_changed
from agent.texts.refusals import RESULT_KEYS

HASH = hashlib.sha256(b"a-token-of-a-partner").hexdigest()


def settings(role: Role = Role.EMSP, **changes: object) -> PartnerSettings:
    """An entry of the configuration."""
    made = PartnerSettings(name="EMP", role=role, country_code="DE", party_id="EMP", token_sha256=Secret(HASH))
    return replace(made, **changes)  # type: ignore[arg-type]


def header(token: str) -> str:
    """An Authorization header."""
    return f"Token {base64.b64encode(token.encode()).decode()}"


def test_what_a_role_may_do_and_bring() -> None:
    emp = partner_of(settings())
    assert emp.rights == {Right.READ, Right.QUEUE, Right.BOOKING}
    assert emp.may_bring("DEEMP")
    assert not emp.may_bring("DEXYZ")
    assert partner_of(settings(Role.HUB)).may_bring("ATXYZ")
    assert not partner_of(settings(Role.HUB, issuers=("DEEMP",))).may_bring("ATXYZ")
    assert partner_of(settings(rights=(Right.READ,))).rights == {Right.READ}
    assert partner_of(settings(receiver_url="https://EMP.example/x", response_hosts=("CB.example",))).hosts == {
        "emp.example",
        "cb.example",
    }


def test_no_secret_shows_in_a_repr() -> None:
    made = partner_of(
        settings(receiver_token=Secret("sixteen-signs-or-more"), receiver_secret=Secret("another-secret-16"))
    )
    assert "sixteen" not in repr(made)
    assert "another" not in repr(made)
    assert bytes.fromhex(HASH) == made.token_sha256
    assert repr(made.token_sha256) not in repr(made)


def test_a_token_file_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "emp.sha256"
    path.write_text(f"{HASH}  -\n")
    assert partner_of(settings(token_sha256=None, token_file=str(path))).token_sha256 == bytes.fromhex(HASH)
    path.write_text("nonsense")
    with pytest.raises(PartnerUnusable, match="EMP"):
        partner_of(settings(token_sha256=None, token_file=str(path)))
    with pytest.raises(PartnerUnusable, match="cannot be read"):
        partner_of(settings(token_sha256=None, token_file=str(tmp_path / "none")))


def test_credentials_find_their_partner_and_nobody_else() -> None:
    credentials = Credentials(ALL)
    assert credentials.find(header(TOKENS["emp"])) is EMP
    assert credentials.find(header(TOKENS["emp"]).replace("Token", "token")) is EMP
    wrong = (
        None,
        "",
        "Token",
        header("wrong"),
        f"Bearer {TOKENS['emp']}",
        f"Token {TOKENS['emp']}",
        "Token \xe9",
        "Token " + "A" * 5000,
    )
    assert not [text for text in wrong if credentials.find(text)]
    with pytest.raises(PartnerUnusable):
        Credentials((EMP, replace(partner("oem"), token_sha256=EMP.token_sha256)))


def test_every_result_has_words_and_a_way_over_both_carriages() -> None:
    assert KIND_OF.keys() == RESULT_KEYS.keys()
    assert frozenset(RESULT_OF) == frozenset(Refusal)
    assert frozenset(RESULT_OF.values()) <= KIND_OF.keys()


KINDS = (
    ("ACCEPTED", (200, 1000, "Accepted", None, True)),
    ("CHECKIN_ENDED", (200, 1000, "Accepted", None, True)),
    ("EVSE_UNKNOWN", (200, 2003, "Accepted", None, True)),
    ("TOKEN_UNKNOWN", (200, 2004, "Accepted", None, True)),
    ("REQUEST_ID_REUSED", (200, 2900, "Accepted", None, False)),
    ("STALE", (200, 2900, "Accepted", None, False)),
    ("BAD_REQUEST", (400, 2001, "Rejected", None, False)),
    ("NOT_ALLOWED", (403, 2000, "Rejected", None, False)),
    ("BUSY", (429, 2901, "Accepted", 1, False)),
    ("STARTING", (503, 3000, "Accepted", 5, False)),
    ("CANNOT_STORE", (503, 3000, "Accepted", 5, False)),
    ("INTERNAL", (500, 3000, "Accepted", None, False)),
)


@pytest.mark.parametrize(("result", "expected"), KINDS, ids=[k[0] for k in KINDS])
def test_results_are_carried_as_the_specification_says(result: str, expected: tuple[object, ...]) -> None:
    kind = KIND_OF[result]
    assert (kind.http, kind.status_code, kind.transfer, kind.retry_after_s, kind.decided) == expected


def test_numbers_grow_with_every_change_and_over_a_restart() -> None:
    numbers = Sequences()
    first = numbers.stamp("c-1", "a", 10, 0)
    assert numbers.stamp("c-1", "a", 11, 5) == first
    moved = numbers.stamp("c-1", "b", 10, 5)
    other = numbers.stamp("c-2", "a", 10, 5)
    assert first.sequence < moved.sequence < other.sequence
    state = numbers.head(10)
    assert state >= other.sequence
    assert numbers.stamp("c-1", "c", 10, 9).sequence > state
    assert Sequences().stamp("c-1", "c", 11, 0).sequence > state
    assert (2**36) << LOW_BITS <= 9_007_199_254_740_991


def test_rates_refill() -> None:
    rates = Rates()
    assert [rates.take("a", Called.OPERATION, 0.0) for _ in range(51)] == [True] * 50 + [False]
    assert [rates.take("a", Called.OPERATION, 0.2) for _ in range(3)] == [True, True, False]
    assert rates.take("b", Called.OPERATION, 0.2)
    assert rates.take("a", Called.LIST, 0.2)


def wait(p90: int) -> WaitRange:
    """A forecast."""
    return WaitRange(p10_min=0, p50_min=0, p90_min=p90)


NOW = 1_000_000
TOLD = Told(CheckInState.WAITING, 2, wait(30), None, None, None)
DUES = (
    ("nothing changed", TOLD, None),
    ("a place", replace(TOLD, position=1), NOW + ENTRY_GAP_MS),
    ("a status", replace(TOLD, status=CheckInState.SNOOZED), NOW + ENTRY_GAP_MS),
    ("a forecast by nine minutes", replace(TOLD, wait=wait(39)), None),
    ("a forecast by ten", replace(TOLD, wait=wait(40)), NOW + FORECAST_GAP_MS),
    ("a forecast gone", replace(TOLD, wait=None), None),
)


@pytest.mark.parametrize(("what", "told", "due"), DUES, ids=[d[0] for d in DUES])
def test_when_an_update_is_due(what: str, told: Told, due: int | None) -> None:
    assert due_ms(Last(TOLD, NOW, NOW), told, NOW + 1) == due


def test_waits_of_a_pool_are_told_at_most_every_five_minutes() -> None:
    told = PoolTold("OPEN", (3, 0, 2), 30, NOW)
    later = NOW + FORECAST_GAP_MS
    assert not pool_changed(told, replace(told, p90_min=40, at_ms=later - 1))
    assert pool_changed(told, replace(told, p90_min=40, at_ms=later))
    assert not pool_changed(told, replace(told, p90_min=39, at_ms=later))
    assert pool_changed(told, replace(told, counts=(2, 0, 2), at_ms=NOW + 1))
    assert pool_changed(None, told)


def test_a_long_forecast_needs_a_fifth() -> None:
    long = Last(replace(TOLD, wait=wait(100)), NOW, NOW)
    assert due_ms(long, replace(TOLD, wait=wait(119)), NOW) is None
    assert due_ms(long, replace(TOLD, wait=wait(120)), NOW) == NOW + FORECAST_GAP_MS
    assert due_ms(Last(replace(TOLD, wait=None), NOW, NOW), TOLD, NOW) == NOW + ENTRY_GAP_MS
    assert due_ms(None, TOLD, NOW) == NOW
