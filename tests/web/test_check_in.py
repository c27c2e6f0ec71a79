"""Checking in over HTTP: one form, one place, whatever is sent twice, too late or by whom."""

from pathlib import Path

from web_fixtures import FAST, Phone, lone, serving


async def test_two_taps_lead_from_the_scanned_address_to_the_own_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        first = await phone.get(f"/{site.digits}")
        assert (first.status, first.h1) == (200, "Charge here")
        assert "Six digits" not in first.words
        answer = await phone.post(
            "/check-in",
            {"request": first.request_id, "pool": FAST, "digits": site.digits, "scanned": "1"},
        )
        assert (answer.status, answer.headers["Location"]) == (303, site.page_of(1))
        own = await phone.get(site.page_of(1))
        assert own.h1 == "Go to bay 1 now"


async def test_double_tap_and_repetition_after_a_restart_lead_to_one_check_in(tmp_path: Path) -> None:
    async with serving(tmp_path, lone()) as site, Phone(site.url) as phone:
        page = await phone.get("/")
        form = {"request": page.request_id, "pool": FAST, "digits": site.digits}
        answers = [await phone.post("/check-in", form), await phone.post("/check-in", form)]
        assert [a.headers["Location"] for a in answers] == [site.page_of(1)] * 2
    async with serving(tmp_path, lone()) as site, Phone(site.url) as phone:
        again = await phone.post("/check-in", form)
        assert (again.status, again.headers["Location"]) == (303, site.page_of(1))
        assert len(site.runner.site.check_ins) == 1
