"""Requests are read as the schemas describe them: the specification's examples, and what both must refuse."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from corpus.hostile_frames import HOSTILE_JSON
from hypothesis import given, settings
from hypothesis import strategies as st
from partner_fixtures import check_in, id_token, is_valid, valid

from agent.ocpp.strict_json import DEPTH_MAX, NotJson
from agent.partners import messages as m
from agent.partners.strict_json import (
    BODY_BYTES_MAX,
    TooLarge,
    canonical,
    depth,
    read_json,
    without_nulls,
)

EXAMPLES = [json.loads(line) for line in (Path(__file__).parent / "data" / "examples.jsonl").read_text().splitlines()]
KINDS: dict[str, type[msgspec.Struct]] = {
    "CheckInRequest": m.CheckInRequest,
    "CheckOutRequest": m.CheckOutRequest,
    "SnoozeRequest": m.SnoozeRequest,
    "ArrivalUpdateRequest": m.ArrivalUpdateRequest,
    "GetLocationsRequest": m.GetLocationsRequest,
    "GetCheckInsRequest": m.GetCheckInsRequest,
}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_of_the_specification_are_valid_and_read(number: int) -> None:
    name, document = EXAMPLES[number]["schema"], EXAMPLES[number]["document"]
    schema, _, kind = name.partition("+")
    if schema == "DataTransfer":
        document, schema = json.loads(document["data"]), f"{document['messageId']}Request"
    valid(schema, document, is_envelope=kind == "envelope")
    if schema in KINDS:
        assert m.parse(KINDS[schema], document)


def test_a_check_in_becomes_typed() -> None:
    request = m.parse(
        m.CheckInRequest,
        check_in("A", expected_arrival="2026-11-25T13:20:00.5Z", preferences={"min_power": 1e5}, more_time=True),
    )
    assert request.expected_utc_ms == 1_795_612_800_500
    assert request.preferences.min_power == 100_000
    assert request.tokens
    assert request.tokens[0].issuer == "DEEMP"


# The schema and the reader agree on each of these; (what is wrong, changes to a good body).
WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("pool_id", {"pool_id": None}),
    ("request_id", {"request_id": "a b"}),
    ("request_id", {"request_id": "x" * 37}),
    ("request_id", {"request_id": 7}),
    ("tokens", {"tokens": []}),
    ("tokens", {"tokens": [id_token(str(n)) for n in range(5)]}),
    ("tokens[0].uid", {"tokens": [{**id_token("A"), "uid": ""}]}),
    ("tokens[0].party_id", {"tokens": [{**id_token("A"), "party_id": "LONG"}]}),
    ("tokens[0].type", {"tokens": [{**id_token("A"), "type": "small"}]}),
    ("tokens[0]", {"tokens": [None]}),
    ("preferences.min_power", {"preferences": {"min_power": 0}}),
    ("preferences.min_power", {"preferences": {"min_power": 1.5}}),
    ("preferences.min_power", {"preferences": {"min_power": True}}),
    ("preferences.evse_uids", {"preferences": {"evse_uids": []}}),
    ("preferences.connector_types", {"preferences": {"connector_types": ["X"] * 9}}),
    ("expected_arrival", {"expected_arrival": "2026-11-25T13:20:00+01:00"}),
    ("expected_arrival", {"expected_arrival": "2026-11-25T13:20:00.1234Z"}),
    ("expected_arrival", {"expected_arrival": "2026-11-25"}),
    ("state_of_charge", {"state_of_charge": 101}),
    ("energy_need", {"energy_need": "5"}),
    ("more_time", {"more_time": "yes"}),
    ("response_url", {"response_url": "ftp://emp.example/x"}),
    ("response_url", {"response_url": "https://emp.example/" + "x" * 255}),
    ("dry_run", {"dry_run": 1}),
)


@pytest.mark.parametrize(("field", "changes"), WRONG)
def test_what_the_schema_refuses_is_refused_with_its_field(field: str, changes: dict[str, Any]) -> None:
    body = without_nulls(check_in("SECRETUID", **changes))
    assert not is_valid("CheckInRequest", body)
    with pytest.raises(m.BadRequest) as no:
        m.parse(m.CheckInRequest, body)
    assert no.value.field == field
    assert "SECRETUID" not in str(no.value)


def test_a_line_feed_behind_an_id_is_no_part_of_it() -> None:
    # ECMA-262, which JSON Schema names, ends at $; Python's does not quite, so this stands alone.
    with pytest.raises(m.BadRequest, match="request_id"):
        m.parse(m.CheckInRequest, check_in("A", request_id="tail\n"))


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(m.BadRequest, match="departure_time"):
        m.parse(m.CheckInRequest, check_in("A", departure_time="2026-02-30T00:00:00Z"))


def test_null_is_absent_and_unknown_fields_are_ignored() -> None:
    body = without_nulls(check_in("A", replaces=None, deabc_fleet={"x": [None]}, preferences={"min_power": None}))
    assert "replaces" not in body
    assert m.parse(m.CheckInRequest, body).preferences.min_power is None


@pytest.mark.parametrize("about", [{}, {"check_in_id": "c-1", "reservation_id": "r-1"}], ids=["neither id", "both ids"])
def test_an_arrival_is_told_of_exactly_one_entry(about: dict[str, str]) -> None:
    body = {"request_id": "r", "expected_arrival": "2026-11-25T13:20:00Z", **about}
    assert not is_valid("ArrivalUpdateRequest", body)
    with pytest.raises(m.BadRequest, match="exactly one"):
        m.parse(m.ArrivalUpdateRequest, body)


def test_an_open_enum_takes_unknown_words() -> None:
    body = check_in("A", preferences={"connector_types": ["PLUG_OF_2040"]})
    assert is_valid("CheckInRequest", body)
    assert m.parse(m.CheckInRequest, body)


@pytest.mark.parametrize("number", range(len(HOSTILE_JSON)), ids=[what for what, _ in HOSTILE_JSON])
def test_hostile_texts_are_not_json(number: int) -> None:
    with pytest.raises(NotJson):
        read_json(HOSTILE_JSON[number][1].encode("utf-8", "surrogatepass"))


def test_limits_are_exact() -> None:
    longest = b'"' + b"x" * (BODY_BYTES_MAX - 2) + b'"'
    assert len(read_json(longest)) == BODY_BYTES_MAX - 2
    with pytest.raises(TooLarge):
        read_json(longest + b" ")
    deepest = b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    assert depth(read_json(deepest)) == DEPTH_MAX
    with pytest.raises(NotJson, match="deeper"):
        read_json(b"[" + deepest + b"]")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        read_json(data)
    except NotJson:
        return


_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=5)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*m.CheckInRequest.__struct_fields__, "other"]), _VALUES, max_size=6))
def test_any_object_is_read_or_refused_by_both(body: dict[str, Any]) -> None:
    whole = without_nulls({**check_in("A"), **body})
    try:
        m.parse(m.CheckInRequest, whole)
        read = True
    except m.BadRequest:
        read = False
    assert read == is_valid("CheckInRequest", whole)


@settings(max_examples=100, deadline=None)
@given(_VALUES)
def test_equal_values_have_equal_bytes(value: Any) -> None:
    assert canonical(value) == canonical(json.loads(json.dumps(value)))
