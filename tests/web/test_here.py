"""Who checked in with an app shows that they are here, where the site asks for it: by their code and the six digits."""

from pathlib import Path

from web_fixtures import FAST, Phone, RunningSite, rasthof, serving

from agent.core import inputs as i
from agent.core.layout import PartnerPresence, SubjectRef
from agent.core.state import CheckIn, CheckInState, Origin
from agent.web.here import WRONG_CODES

SCAN = PartnerPresence.SCAN


async def by_app(site: RunningSite, card: str = "card") -> CheckIn:
    """Somebody checks in with an app."""
    joined = i.JoinQueue(
        pool=FAST,
        draw=len(site.runner.site.check_ins),
        origin=Origin.PARTNER,
        subjects=(SubjectRef(card),),
        owner="partner/emp",
    )
    await site.runner.ask(joined)
    return site.runner.site.check_ins[max(site.runner.site.check_ins)]


def state(site: RunningSite, check_in: CheckIn) -> CheckInState:
    return site.runner.site.check_ins[check_in.id].state


async def test_a_scanned_display_and_the_code_of_the_app_call_who_is_here(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof(partner_presence=SCAN)) as site, Phone(site.url) as phone:
        mine = await by_app(site)
        assert state(site, mine) is CheckInState.ON_THE_ROAD
        first = await phone.get(f"/{site.digits}")
        assert f'href="/here/{site.digits}"' in first.text
        page = await phone.get(f"/here/{site.digits}")
        assert page.h1 == "Checked in with an app?"
        fields = {"request": page.request_id, "code": f" {mine.code.lower()}", "digits": site.digits, "scanned": "1"}
        for _ in range(2):  # sent twice, it is done once
            done = await phone.post("/here", fields)
            assert (done.status, done.h1) == (
                200,
                f"Go to bay 1 now. Purple blinking lamp; the display there shows {mine.code}.",
            )
        assert state(site, mine) is CheckInState.CALLED
        assert not site.runner.site.check_ins[mine.id].proven
        assert "/t/" not in done.text  # the code is public: it leads to nobody's own page


async def test_who_has_to_wait_is_told_the_place_in_both_languages(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof(partner_presence=SCAN)) as site, Phone(site.url) as phone:
        await site.fill()
        first, second = await by_app(site, "a"), await by_app(site, "b")
        for language, one, h1 in (
            ("en", second, "You are 2nd."),
            ("de", first, "Sie sind gleich dran. Bleiben Sie in der Nähe Ihres Autos."),
        ):
            page = await phone.get(f"/here?lang={language}")
            fields = {"request": page.request_id, "code": one.code, "digits": site.digits}
            assert (await phone.post(f"/here?lang={language}", fields)).h1 == h1
            assert state(site, one) is CheckInState.WAITING


async def test_what_proves_nothing_is_refused_with_a_reason(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof(partner_presence=SCAN)) as site, Phone(site.url) as phone:
        mine = await by_app(site)
        page = await phone.get("/here")

        async def says(code: str, digits: str) -> tuple[int, str]:
            told = await phone.post("/here", {"request": page.request_id, "code": code, "digits": digits})
            return told.status, told.words

        status, words = await says(mine.code, "")
        assert (status, "Enter the six digits" in words) == (422, True)
        status, words = await says(mine.code, "000000" if site.digits != "000000" else "111111")
        assert (status, "These digits are not right" in words) == (403, True)
        own = (await phone.check_in(site.digits)).headers["Location"]
        on_the_page = site.runner.site.check_ins[max(site.runner.site.check_ins)]
        assert own.startswith("/t/")
        status, words = await says(on_the_page.code, site.digits)  # no app's
        assert (status, "No app has checked in with this code" in words) == (404, True)
        assert state(site, mine) is CheckInState.ON_THE_ROAD


async def test_codes_are_not_found_by_trying(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof(partner_presence=SCAN)) as site, Phone(site.url) as phone:
        mine = await by_app(site)
        page = await phone.get("/here")
        fields = {"request": page.request_id, "digits": site.digits}
        for number in range(WRONG_CODES):
            assert (await phone.post("/here", {**fields, "code": f"?{number}"})).status == 404
        late = await phone.post("/here", {**fields, "code": mine.code})
        assert (late.status, "Too many tries." in late.words) == (429, True)
        await site.later(61)
        page = await phone.get("/here")
        fields = {"request": page.request_id, "digits": site.digits, "code": mine.code}
        assert (await phone.post("/here", fields)).status == 200


async def test_one_window_of_digits_shows_no_more_people_than_it_lets_join(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof(partner_presence=SCAN)) as site, Phone(site.url) as phone:
        people = [await by_app(site, f"card {number}") for number in range(13)]
        statuses = []
        for one in people:
            page = await phone.get("/here")
            fields = {"request": page.request_id, "code": one.code, "digits": site.digits}
            statuses.append((await phone.post("/here", fields)).status)
        assert statuses == [200] * 12 + [429]  # four for each of three displays


async def test_a_site_that_trusts_partners_has_no_such_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        assert "/here" not in (await phone.get(f"/{site.digits}")).text
        assert (await phone.get("/here")).status == 404
