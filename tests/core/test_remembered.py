"""What is worked out for a Site is worked out once, and for the next Site anew."""

from dataclasses import replace

from agent.core.remembered import remembered
from agent.core.state import Site


def test_answer_is_worked_out_once_for_each_site() -> None:
    asked: list[int] = []

    @remembered
    def doubled(site: Site) -> int:
        asked.append(site.elapsed_ms)
        return 2 * site.elapsed_ms

    one = Site(elapsed_ms=1)
    other = replace(one, elapsed_ms=2)
    assert [doubled(one), doubled(one), doubled(other), doubled(one)] == [2, 2, 4, 2]
    assert asked == [1, 2]


def test_what_a_site_remembers_is_no_part_of_it() -> None:
    asked, fresh = Site(), Site()
    assert remembered(lambda site: site.boot)(asked) == 0
    assert asked == fresh
    assert replace(asked).remembered == {}
