"""The codec: bytes that come back as the same event, or an error that names the event."""

import enum
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_bench import CODEC, Arrived, Colour, EvseId, Left, Wish

from agent.journal.codec import Codec
from agent.journal.errors import JournalError

texts = st.text(max_size=30)
wishes = st.builds(Wish, power_w=st.integers(-(2**53), 2**53), note=st.none() | texts)
arrivals = st.builds(
    Arrived,
    evse=st.integers(1, 50).map(EvseId),
    name=texts,
    colour=st.sampled_from(Colour),
    wishes=st.lists(wishes, max_size=4).map(tuple),
    share=st.floats(allow_nan=False, allow_infinity=False),
    at=st.integers(-(2**60), 2**60) | texts,
)


@given(arrivals)
def test_every_event_comes_back_equal_and_in_the_same_bytes(event: Arrived) -> None:
    kind, version, body = CODEC.encode(event)
    again = CODEC.decode(kind, version, body)
    assert again == event
    assert CODEC.encode(again) == (kind, version, body)
    assert isinstance(again.colour, Colour)


def test_kind_is_the_class_and_version_its_number() -> None:
    assert CODEC.encode(Left(evse=EvseId(1), reason="x", paid=True))[:2] == ("Left", 3)
    assert CODEC.encode(Arrived(evse=EvseId(1), name=""))[:2] == ("Arrived", 1)


def test_an_old_version_is_lifted_step_by_step() -> None:
    assert CODEC.decode("Left", 1, b'{"evse":4,"why":"full"}') == Left(evse=EvseId(4), reason="full", paid=False)


@pytest.mark.parametrize(
    ("kind", "version", "body", "named"),
    [
        ("Vanished", 1, b"{}", "Vanished"),
        ("Left", 4, b"{}", "Left version 4"),
        ("Left", 0, b"{}", "Left version 0"),
        ("Arrived", 1, b'{"evse":1}', "name"),
        ("Arrived", 1, b'{"evse":1,"name":"a","colour":"Blue"}', "colour"),
        ("Arrived", 1, b'{"evse":1,"name":"a","extra":true}', "Arrived version 1"),
        ("Arrived", 1, b'{"evse":1,"na', "Arrived version 1"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(kind: str, version: int, body: bytes, named: str) -> None:
    with pytest.raises(JournalError, match=named):
        CODEC.decode(kind, version, body)


def test_a_field_added_with_a_default_needs_no_new_version() -> None:
    assert CODEC.decode("Arrived", 1, b'{"evse":1,"name":"a"}') == Arrived(evse=EvseId(1), name="a")


def test_an_event_of_a_foreign_type_is_refused() -> None:
    with pytest.raises(JournalError, match="Wish"):
        CODEC.encode(Wish(power_w=1))


def test_types_that_have_no_order_or_cannot_be_checked_are_refused_at_construction() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Bag:
        items: frozenset[int]

    @dataclass(frozen=True, kw_only=True)
    class Map:
        items: tuple[dict[str, int], ...]

    @dataclass(frozen=True, kw_only=True)
    class Opaque:
        thing: Any

    @dataclass(kw_only=True)
    class Loose:
        n: int

    @dataclass(frozen=True)
    class Positional:
        n: int

    class Plain(enum.Enum):
        A = 1

    for event_type in (Bag, Map, Opaque, Loose, Positional, Plain):
        with pytest.raises(JournalError, match=event_type.__name__):
            Codec((event_type,))


def test_an_upcaster_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(JournalError, match="Arrived version 1"):
        Codec((Arrived,), {("Arrived", 1): dict})


def test_a_missing_step_between_versions_is_named() -> None:
    codec = Codec((Left,), {("Left", 2): dict})
    with pytest.raises(JournalError, match="Left version 1"):
        codec.decode("Left", 1, msgspec.json.encode({"evse": 1}))
