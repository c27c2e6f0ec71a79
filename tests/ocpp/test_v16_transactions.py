"""agent/ocpp/v16/transactions.py: which messages a stay owes, and the frames they become."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.clock_map import BOOTS_KEPT_MAX, ClockMap
from agent.ocpp.v16.messages import own_request
from agent.ocpp.v16.transactions import (
    ACTIONS,
    Authorised,
    Bindings,
    DeEnergised,
    Energised,
    EnergyEnded,
    Fact,
    Freed,
    Happening,
    Metered,
    RegisterNoted,
    Started,
    Stopped,
    Tx,
    TxState,
    advance,
    decode_fact,
    encode_fact,
    encode_tx,
    render,
)

UTC = 1_700_049_600_000  # 2023-11-15T12:00:00Z
CLOCK = ClockMap(offsets={1: UTC})
AUTHORISED = Authorised(connector_id=1, at_ms=0, stay=7, subject="ref", reserve_id=3)
ENERGISED = Energised(connector_id=1, at_ms=1000, register_wh=500)
STARTED = Started(stay=7, connector_id=1, at_ms=1000, boot=1, register_wh=500, subject="ref", reserve_id=3)


def restarted(state: TxState) -> TxState:
    return TxState(open={one: msgspec.json.decode(encode_tx(known), type=Tx) for one, known in state.open.items()})


def facts_of(*happenings: Happening) -> tuple[Fact, ...]:
    state, facts = TxState(), ()
    for happening in happenings:
        state, more = advance(state, happening, boot=1)
        state = restarted(state)  # a restart in between makes no difference
        facts += more  # type: ignore[assignment]
    return facts


def bindings(transaction_ids: Mapping[int, int] | None = None, id_tag: str = "DEADBEEF") -> Bindings:
    return Bindings(transaction_ids=transaction_ids or {}, id_tags={"ref": id_tag}, ad_hoc_id_token="ADHOC")


def stopped(at_ms: int, register_wh: int | None, reason: str, subject: str | None = None) -> Stopped:
    return Stopped(stay=7, connector_id=1, at_ms=at_ms, boot=1, register_wh=register_wh, reason=reason, subject=subject)


def ended(at_ms: int, reason: str) -> EnergyEnded:
    return EnergyEnded(connector_id=1, at_ms=at_ms, reason=reason)


def test_transaction_begins_with_the_first_energy_and_only_once() -> None:
    pause = DeEnergised(connector_id=1, register_wh=600)
    again = Energised(connector_id=1, at_ms=2000, register_wh=600)
    assert facts_of(AUTHORISED) == ()
    assert facts_of(AUTHORISED, ENERGISED, pause, again) == (STARTED,)


def test_transaction_ends_with_the_instant_of_the_end_and_the_register_after_the_contactor_opened() -> None:
    opened = DeEnergised(connector_id=1, register_wh=905)
    assert facts_of(AUTHORISED, ENERGISED, ended(9000, "Local"), opened) == (STARTED, stopped(9000, 905, "Local"))


def test_contactor_that_opened_before_the_end_was_decided_ends_it_too() -> None:
    opened = DeEnergised(connector_id=1, register_wh=905)
    assert facts_of(AUTHORISED, ENERGISED, opened, ended(9000, "Other")) == (STARTED, stopped(9000, 905, "Other"))


def test_pulled_plug_ends_the_transaction_even_if_the_contactor_never_said_it_opened() -> None:
    gone = Freed(connector_id=1, at_ms=9500, register_wh=910)
    assert facts_of(AUTHORISED, ENERGISED, gone) == (STARTED, stopped(9500, 910, "EVDisconnected"))
    assert facts_of(AUTHORISED, ENERGISED, ended(9000, "Remote"), gone)[-1] == stopped(9000, 910, "Remote")


def test_stay_without_energy_owes_nothing() -> None:
    gone = Freed(connector_id=1, at_ms=9500, register_wh=500)
    assert facts_of(AUTHORISED, ended(5000, "Local"), gone) == ()
    assert facts_of(AUTHORISED, gone) == ()


def test_happenings_at_a_connector_without_a_stay_owe_nothing() -> None:
    gone = Freed(connector_id=2, at_ms=1, register_wh=None)
    assert facts_of(ENERGISED, ended(5000, "Local"), gone) == ()


def test_reading_is_rendered_with_its_transaction_and_only_what_was_measured() -> None:
    fact = Metered(stay=7, connector_id=1, at_ms=2000, boot=1, register_wh=520, power_w=11_000)
    assert render(fact, bindings({7: 4711}), CLOCK) == {
        "connectorId": 1,
        "transactionId": 4711,
        "meterValue": [
            {
                "timestamp": "2023-11-15T12:00:02Z",
                "sampledValue": [
                    {
                        "value": "520",
                        "context": "Sample.Periodic",
                        "measurand": "Energy.Active.Import.Register",
                        "unit": "Wh",
                    },
                    {"value": "11000", "context": "Sample.Periodic", "measurand": "Power.Active.Import", "unit": "W"},
                ],
            }
        ],
    }


def test_reading_is_a_valid_message_with_all_that_can_be_measured() -> None:
    fact = Metered(stay=7, connector_id=1, at_ms=2000, boot=1, register_wh=520, power_w=11_000, soc_percent=81)
    payload = render(fact, bindings(), CLOCK)
    assert payload is not None
    own_request("MeterValues", payload)
    assert payload["meterValue"][0]["sampledValue"][2]["value"] == "81"


def test_meter_that_was_silent_at_the_start_is_billed_from_its_first_reading() -> None:
    silent = Energised(connector_id=1, at_ms=1000, register_wh=None)
    first = RegisterNoted(connector_id=1, at_ms=2000, register_wh=80_000)
    opened = DeEnergised(connector_id=1, register_wh=80_900)
    facts = facts_of(AUTHORISED, silent, first, ended(9000, "Other"), opened)
    payloads = [render(fact, bindings(), CLOCK) or {} for fact in facts]
    assert (payloads[0]["meterStart"], payloads[1]["meterStop"]) == (0, 900)


def test_stop_names_the_card_that_stopped_where_it_is_known() -> None:
    opened = DeEnergised(connector_id=1, register_wh=905)
    by_friend = EnergyEnded(connector_id=1, at_ms=9000, reason="Local", subject="friend")
    assert facts_of(AUTHORISED, ENERGISED, by_friend, opened)[-1] == stopped(9000, 905, "Local", "friend")
    assert facts_of(AUTHORISED, ENERGISED, ended(9000, "Local"), opened)[-1] == stopped(9000, 905, "Local")


def test_register_never_runs_backwards_within_a_transaction() -> None:
    jump = RegisterNoted(connector_id=1, at_ms=2000, register_wh=100)
    opened = DeEnergised(connector_id=1, register_wh=50)
    assert facts_of(AUTHORISED, ENERGISED, jump, ended(9000, "Local"), opened)[-1] == stopped(9000, 500, "Local")


def test_start_is_rendered_with_id_tag_reservation_and_utc() -> None:
    payload = render(STARTED, bindings(), CLOCK)
    assert payload == {
        "connectorId": 1,
        "idTag": "DEADBEEF",
        "meterStart": 500,
        "timestamp": "2023-11-15T12:00:01Z",
        "reservationId": 3,
    }


def test_stop_carries_the_transaction_id_or_minus_one_where_none_was_obtained() -> None:
    fact = stopped(9000, 905, "Local", "ref")
    assert (render(fact, bindings({7: 4711}), CLOCK) or {})["transactionId"] == 4711
    assert (render(fact, bindings(), CLOCK) or {})["transactionId"] == -1


@pytest.mark.parametrize("id_tag", ["", "x" * 21])
def test_id_that_cannot_be_told_in_1_6_is_replaced_by_the_anonymous_one(id_tag: str) -> None:
    assert (render(STARTED, bindings(id_tag=id_tag), CLOCK) or {})["idTag"] == "ADHOC"


def test_nothing_is_rendered_while_its_time_cannot_be_told() -> None:
    assert render(STARTED, bindings(), ClockMap()) is None


def test_clock_of_the_boot_is_used_else_the_one_before_else_the_next() -> None:
    clock = ClockMap(offsets={3: 3000, 5: 5000})
    assert [clock.utc_ms(boot, 1) for boot in (2, 3, 4, 5, 6)] == [3001, 3001, 3001, 5001, 5001]


def test_clock_map_forgets_the_oldest_boots() -> None:
    clock = ClockMap()
    for boot in range(BOOTS_KEPT_MAX + 5):
        clock = clock.learned(boot, boot)
    assert len(clock.offsets) == BOOTS_KEPT_MAX
    assert min(clock.offsets) == 5


NUMBERS = st.integers(0, 10)
REGISTERS = st.none() | st.integers(0, 2**40)
HAPPENINGS = st.one_of(
    st.builds(Authorised, connector_id=st.integers(1, 2), at_ms=NUMBERS, stay=NUMBERS,
              subject=st.none() | st.just("ref"),
              reserve_id=st.none() | NUMBERS),
    st.builds(Energised, connector_id=st.integers(1, 2), at_ms=NUMBERS, register_wh=REGISTERS),
    st.builds(DeEnergised, connector_id=st.integers(1, 2), register_wh=REGISTERS),
    st.builds(RegisterNoted, connector_id=st.integers(1, 2), at_ms=NUMBERS, register_wh=st.integers(0, 2**40)),
    st.builds(EnergyEnded, connector_id=st.integers(1, 2), at_ms=NUMBERS, reason=st.sampled_from(["Local", "Other"])),
    st.builds(Freed, connector_id=st.integers(1, 2), at_ms=NUMBERS, register_wh=REGISTERS),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(HAPPENINGS, max_size=25))
def test_every_stop_has_its_start_and_every_frame_obeys_the_schema(happenings: list[Happening]) -> None:
    running: dict[int, int] = {}
    for fact in facts_of(*happenings):
        match fact:
            case Started():
                assert fact.connector_id not in running
                running[fact.connector_id] = fact.stay
            case Metered():
                raise AssertionError("readings are taken elsewhere")
            case Stopped():
                assert running.pop(fact.connector_id) == fact.stay
        action = ACTIONS[type(fact)]
        assert decode_fact(action, encode_fact(fact)) == fact
        payload = render(fact, bindings(), CLOCK)
        assert payload is not None
        own_request(action, payload)


def test_row_that_is_no_fact_is_refused() -> None:
    with pytest.raises(ValueError, match="not a fact"):
        decode_fact("Heartbeat", b"{}")
    with pytest.raises(ValueError, match="not a fact"):
        decode_fact("StopTransaction", b"{}")
