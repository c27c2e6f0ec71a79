"""Tables of stays: quantiles, shares, and what is left of a stay that is under way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.layout import Connector, ConnectorId
from agent.core.prior import PRIOR
from agent.core.stays import StayClass, StayTable, stay_class

TABLE = StayTable(quantiles_min=(10.0, 20.0, 40.0), tail_min=5.0)


def connector(power_w: int, *, dc: bool) -> Connector:
    """Return a connector of some power."""
    return Connector(id=ConnectorId(1), standard="X", max_power_w=power_w, dc=dc, cable=True)


@pytest.mark.parametrize(
    ("power_w", "dc", "expected"),
    [(22_000, False, StayClass.AC), (50_000, True, StayClass.DC_50), (100_000, True, StayClass.DC_FAST)],
)
def test_a_connector_has_the_class_of_its_current_and_power(power_w: int, dc: bool, expected: StayClass) -> None:
    assert stay_class(connector(power_w, dc=dc)) is expected


def test_quantiles_and_shares_are_each_others_inverse() -> None:
    assert [TABLE.quantile(p) for p in (0, 0.25, 0.5, 0.75, 1)] == [10, 15, 20, 30, 40]
    assert [TABLE.share(m) for m in (5, 10, 15, 20, 30, 40, 50)] == [0, 0, 0.25, 0.5, 0.75, 1, 1]


def test_what_is_left_of_a_stay_is_the_table_beyond_the_time_spent() -> None:
    assert TABLE.samples(4) == [12.5, 17.5, 25.0, 35.0]
    assert TABLE.samples(2, 20.0) == [5.0, 15.0]
    assert TABLE.samples(2, 5.0) == [10.0, 25.0]


def test_beyond_the_table_a_stay_is_memoryless() -> None:
    left = TABLE.samples(2000, 1000.0)
    assert sum(left) / len(left) == pytest.approx(TABLE.tail_min, rel=0.01)


@pytest.mark.parametrize("quantiles", [(1.0,), (1.0, 1.0), (-1.0, 2.0), (3.0, 2.0)])
def test_a_table_that_does_not_ascend_is_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        StayTable(quantiles_min=quantiles, tail_min=1.0)


def test_a_table_needs_a_tail() -> None:
    with pytest.raises(ValueError, match="tail_min"):
        StayTable(quantiles_min=(1.0, 2.0), tail_min=0.0)


@given(kind=st.sampled_from(StayClass), spent=st.floats(0, 2000))
def test_what_is_left_ascends_and_is_never_negative(kind: StayClass, spent: float) -> None:
    left = PRIOR[kind].samples(30, spent)
    assert left == sorted(left)
    assert left[0] >= -1e-9


def test_the_prior_says_what_the_data_says() -> None:
    def mean_left(kind: StayClass, spent: float) -> float:
        left = PRIOR[kind].samples(1000, spent)
        return sum(left) / len(left)

    # Means of the sessions themselves: at the start, after 15 and 30 minutes. AC does not age.
    assert mean_left(StayClass.DC_FAST, 0) == pytest.approx(32.2, abs=0.5)
    assert mean_left(StayClass.DC_FAST, 15) == pytest.approx(20.3, abs=0.5)
    assert mean_left(StayClass.DC_FAST, 30) == pytest.approx(14.9, abs=0.6)
    assert mean_left(StayClass.DC_50, 0) == pytest.approx(26.9, abs=0.5)
    assert mean_left(StayClass.AC, 120) > mean_left(StayClass.AC, 0) - 10
