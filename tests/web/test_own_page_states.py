"""Every state of the own page in both languages: heading, sentences, buttons, announcement, and the same as data."""

import re
from html import unescape
from pathlib import Path

import pytest
from stages import STAGES
from web_fixtures import Page, Phone, serving

from agent.core.page import PageState

# h1 in both languages, what else stands there in English, buttons in English, how urgently it is said.
EXPECTED: dict[PageState, tuple[str, str, tuple[str, ...], tuple[str, ...], str]] = {
    PageState.WAITING: (
        "You are 2nd",
        "Sie sind an 2. Stelle",
        ("Wait: up to about 50 min, likely about 25 min.", "Hardly before 14:20.", "Kept safe"),
        ("Remind me at 14:17", "Let others go first", "Change", "Leave the queue"),
        "polite",
    ),
    PageState.NEXT: (
        "You are next",
        "Sie sind gleich dran",
        ("Stay near your car.",),
        ("Let others go first", "Change", "Leave the queue"),
        "assertive",
    ),
    PageState.CALLED: (
        "Go to bay 1 now",
        "Jetzt zu Ladeplatz 1",
        ("Purple blinking lamp", "until 14:05"),
        ("I'm on my way, +2 min", "Let others go first", "Leave the queue"),
        "assertive",
    ),
    PageState.BAY_CHANGED: (
        "Your bay has changed: bay 2",
        "Ihr Ladeplatz ist jetzt die 2",
        ("Bay 1 is out of order.", "The time starts again."),
        ("I'm on my way, +2 min", "Let others go first", "Leave the queue"),
        "assertive",
    ),
    PageState.ARRIVED: (
        "You are at bay 1",
        "Sie sind an Ladeplatz 1",
        ("Plug in now.",),
        ("Wrong bay", "Leave the queue"),
        "polite",
    ),
    PageState.WRONG_BAY: (
        "Your bay is 1",
        "Ihr Ladeplatz ist die 1",
        ("plugged in at bay 2", "it stays yours for 5:00"),
        (),
        "assertive",
    ),
    PageState.BAY_BLOCKED: (
        "Somebody stands at bay 2",
        "Auf Ladeplatz 2 steht ein anderes Auto",
        ("You do not lose your place.",),
        ("Wrong bay", "Leave the queue"),
        "assertive",
    ),
    PageState.REQUEUED: (
        "You missed your call",
        "Aufruf verpasst",
        ("Bay 1 was kept until 14:05.", "now 2nd"),
        ("I'm here", "Let others go first", "Leave the queue"),
        "assertive",
    ),
    PageState.ENDED: (
        "Your check-in has ended",
        "Ihre Stelle ist verfallen",
        ("Bay 1 stayed empty until 14:10.",),
        ("Check in again",),
        "assertive",
    ),
    PageState.SNOOZED: (
        "Others go first until 14:20",
        "Bis 14:20 Uhr lassen Sie andere vor",
        ("You keep your place.",),
        ("I'm ready now", "Leave the queue"),
        "polite",
    ),
    PageState.AUTHORISE: (
        "Plugged in",
        "Angesteckt",
        ("Hold your card to the reader or start here.", "EUR 0.59/kWh"),
        ("Start charging",),
        "polite",
    ),
    PageState.NOT_AUTHORISED: (
        "Card not accepted",
        "Karte nicht angenommen",
        ("Try another card or start here.",),
        ("Start charging", "Help: 0800 123456"),
        "assertive",
    ),
    PageState.CHARGING: (
        "Charging",
        "Lädt",
        ("18.4 kWh, 74 kW, since 14:00.",),
        ("Stop charging",),
        "polite",
    ),
    PageState.PAUSED_BY_CAR: (
        "Charging is paused by your car",
        "Das Laden pausiert",
        ("It goes on by itself.",),
        ("Stop charging",),
        "polite",
    ),
    PageState.PAUSED_BY_SITE: (
        "Charging is paused by the site's power limit",
        "Das Laden pausiert",
        ("It goes on by itself.",),
        ("Stop charging",),
        "polite",
    ),
    PageState.FINISHED: (
        "Charging has ended",
        "Laden beendet",
        ("18.4 kWh.", "2 people are waiting: please move within 10:00."),
        ("I'm moving now",),
        "assertive",
    ),
    PageState.OVERSTAY: (
        "Please move your car now",
        "Bitte fahren Sie jetzt weg",
        (),
        ("I'm moving now", "Help: 0800 123456"),
        "assertive",
    ),
    PageState.DONE: (
        "Thank you",
        "Danke",
        ("31.2 kWh from 14:00 to 14:25.",),
        ("Receipt text (plain)",),
        "polite",
    ),
    PageState.LEFT: (
        "You have left the queue",
        "Sie haben die Warteschlange verlassen",
        (),
        ("Check in again", "Undo"),
        "polite",
    ),
    PageState.SITE_FAULT: (
        "All bays of your pool are out of order",
        "Alle passenden Ladeplätze sind außer Betrieb",
        ("The operator knows. You keep your place.",),
        ("See other plugs", "Leave the queue"),
        "assertive",
    ),
    PageState.QUEUE_PAUSED: (
        "The queue is paused; places are kept",
        "Die Warteschlange pausiert; alle Stellen bleiben erhalten",
        ("You are 2nd and stay so", "This page tells you when it goes on."),
        ("Leave the queue", "Help: 0800 123456"),
        "assertive",
    ),
    PageState.CLOSED: ("The site is closed", "Der Standort ist geschlossen", ("Opens 06:00.",), (), "assertive"),
}


def buttons(page: Page) -> tuple[str, ...]:
    """The buttons of a page in their order, the first is the primary one."""
    found = re.findall(r'id="do-[a-z_]+" class="(\w+)"[^>]*>([^<]*)<', page.text)
    kinds = [kind for kind, _ in found]
    ways_out = not found or found[0][1] in ("Wrong bay", "Leave the queue")
    assert kinds.count("first") == (0 if ways_out else 1)
    assert ways_out or kinds[0] == "first"
    return tuple(unescape(label) for _, label in found)


def test_every_state_of_the_core_is_staged_and_expected() -> None:
    assert set(STAGES) == set(EXPECTED) == set(PageState) - {PageState.UNKNOWN_LINK}


@pytest.mark.parametrize("state", list(STAGES))
async def test_a_state_is_told_in_both_languages_and_as_data(state: PageState, tmp_path: Path) -> None:
    location, stage = STAGES[state]
    english, german, sentences, labels, politeness = EXPECTED[state]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        page = await phone.get(path, **{"Accept-Language": "en-GB,en;q=0.9"})
        assert (page.status, page.h1) == (200, english)
        assert page.text.count("<h1") == 1
        assert 'lang="en"' in page.text
        assert buttons(page) == labels
        for sentence in sentences:
            assert sentence in page.words
        other = await phone.get(path, **{"Accept-Language": "de-AT,de;q=0.8,en;q=0.5"})
        assert other.h1 == german
        assert (await phone.get(f"{path}?lang=de")).h1 == german
        told = await phone.json(f"{path}/state?lang=en")
        assert (told["state"], told["h1"], told["politeness"]) == (state.value, english, politeness)
        assert told["say"]
        assert told["event_id"] == (await phone.json(f"{path}/state?lang=en"))["event_id"]


async def test_clock_times_and_reminders_vanish_with_the_trusted_clock(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        site.world.trusted = False
        page = await phone.get(path)
        assert "The site's clock is being set." in page.words
        assert not re.search(r"\d\d:\d\d", page.words)
        assert "Hardly within 20 min." in page.words
        assert (await phone.get(f"{path}/reminder.ics")).status == 404


async def test_the_page_says_that_the_app_knows_only_of_a_call_that_it_shows(tmp_path: Path) -> None:
    for shown, said in ((1, True), (2, False)):
        location, stage = STAGES[PageState.CALLED]
        folder = tmp_path / str(shown)
        async with (
            serving(folder, location, in_app=lambda _, evse, shown=shown: evse == shown) as site,
            Phone(site.url) as phone,
        ):
            path = site.page_of(await stage(site))
            assert ("Also sent to your app." in (await phone.get(path)).words) is said
            await site.park(1)
            assert "Also sent to your app." not in (await phone.get(path)).words


async def test_notes_tell_that_the_internet_is_gone_and_that_the_site_closes_soon(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CLOSED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        await stage(site)
        site.world.link = "down"
        other = await phone.get(site.page_of(1))
        assert "The site has no internet at the moment." in other.words
    async with serving(tmp_path / "second", location) as site, Phone(site.url) as phone:
        await STAGES[PageState.NEXT][1](site)
        await site.later(100 * 60)
        assert "The site closes at 16:00." in (await phone.get(site.page_of(1))).words
