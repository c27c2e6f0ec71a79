"""agent/ocpp/frames.py: what is a message, what is not, and that nothing a peer sends is fatal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from corpus.hostile_frames import HOSTILE_FRAMES, UNKNOWN_TYPES
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.frames import (
    FRAME_BYTES_MAX,
    Call,
    CallError,
    CallResult,
    Malformed,
    Unknown,
    parse,
    render,
)

SCALARS = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
PAYLOADS = st.dictionaries(TEXTS, VALUES, max_size=4)
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36)
MESSAGES = st.one_of(
    st.builds(Call, message_id=IDS, action=TEXTS, payload=PAYLOADS),
    st.builds(CallResult, message_id=IDS, payload=PAYLOADS),
    st.builds(CallError, message_id=IDS, code=TEXTS, description=TEXTS, details=PAYLOADS),
)


def ids(corpus: tuple[tuple[str, str], ...]) -> list[str]:
    return [name for name, _ in corpus]


@pytest.mark.parametrize(("fault", "text"), HOSTILE_FRAMES, ids=ids(HOSTILE_FRAMES))
def test_hostile_frame_is_malformed_and_its_content_is_not_repeated(fault: str, text: str) -> None:
    frame = parse(text)
    assert isinstance(frame, Malformed), fault
    assert frame.reason
    assert len(frame.reason) < 80
    assert frame.message_id is None or len(frame.message_id) <= 128


@pytest.mark.parametrize(("name", "text"), UNKNOWN_TYPES, ids=ids(UNKNOWN_TYPES))
def test_unknown_message_type_is_named_and_its_payload_ignored(name: str, text: str) -> None:
    frame = parse(text)
    assert isinstance(frame, Unknown)
    assert frame.message_type == json.loads(text)[0]
    assert frame.message_id == ("m" if '"m"' in text else None)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"m","DataTransfer",' + '{"a":' * 100_000,
        '[2,"m","Heartbeat",{"a":NaN}]',
        '[2,"m","DataTransfer",{"vendorId":"' + "x" * 10_000_000 + '"}]',
        '[2,"m","ReserveNow",{"connectorId":1,"connectorId":2}]',
        '[2,"m"]',
        ' [ 2 , "m" , 7, {} ]',
    ],
)
def test_sender_of_a_broken_call_can_be_answered_when_its_id_is_readable(text: str) -> None:
    frame = parse(text)
    assert isinstance(frame, Malformed)
    assert (frame.message_type, frame.message_id) == (2, "m")


def test_id_that_is_too_long_is_refused_but_still_answerable() -> None:
    frame = parse('[2,"' + "m" * 37 + '","Heartbeat",{}]')
    assert isinstance(frame, Malformed)
    assert frame.message_id == "m" * 37


def test_id_that_would_make_the_answer_a_burden_is_not_answerable() -> None:
    frame = parse('[2,"' + "m" * 200 + '","Heartbeat",{}]')
    assert isinstance(frame, Malformed)
    assert frame.message_id is None


def test_null_payload_means_an_empty_one() -> None:
    assert parse('[2,"m","Heartbeat",null]') == Call(message_id="m", action="Heartbeat", payload={})
    assert parse('[3,"m",null]') == CallResult(message_id="m", payload={})


def test_brackets_and_colons_inside_strings_do_not_count_as_structure() -> None:
    content = {"a": '[[{{::"\\' * 200}
    frame = parse(json.dumps([2, "m", "DataTransfer", content]))
    assert frame == Call(message_id="m", action="DataTransfer", payload=content)


def test_nesting_up_to_the_limit_is_read() -> None:
    text = '[2,"m","DataTransfer",' + '{"a":' * 31 + "1" + "}" * 31 + "]"
    assert isinstance(parse(text), Call)


@pytest.mark.parametrize("filler", ['"' * 2, '\\"', "[", "{", ":", "\\\\", '"\\'])
def test_longest_frame_of_nothing_but_structure_signs_is_refused_in_one_pass(filler: str) -> None:
    # Takes about 10 ms; a scan that goes back to the start of each unclosed string would need minutes here.
    assert isinstance(parse(filler * (FRAME_BYTES_MAX // len(filler))), Malformed)


@settings(max_examples=150, deadline=None)
@given(MESSAGES)
def test_rendered_message_is_read_back_unchanged(message: Call | CallResult | CallError) -> None:
    assert parse(render(message)) == message


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | VALUES.map(json.dumps) | st.lists(VALUES, max_size=6).map(json.dumps))
def test_no_text_whatever_is_fatal(text: str) -> None:
    assert isinstance(parse(text), (Call, CallResult, CallError, Unknown, Malformed))


@settings(max_examples=150, deadline=None)
@given(MESSAGES, st.data())
def test_message_with_one_character_changed_is_not_fatal(message: Call, data: st.DataObject) -> None:
    text = render(message)
    place = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:place] + data.draw(st.sampled_from('"\\[]{}:,0\x00\ud800é')) + text[place + 1 :]
    assert isinstance(parse(damaged), (Call, CallResult, CallError, Unknown, Malformed))


@pytest.mark.parametrize("content", [{"a": {1, 2}.__iter__()}, {"a": "\ud800"}, {"a": "x" * FRAME_BYTES_MAX}])
def test_own_payload_that_cannot_be_sent_is_our_error(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"payload|frame"):
        render(Call(message_id="m", action="DataTransfer", payload=content))
