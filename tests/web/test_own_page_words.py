"""All words of the own page, in both languages, as one file to read: a change of any sentence shows in its diff.

`STATIONMASTER_GOLDEN=write pytest tests/web/test_own_page_words.py` writes the file anew: read it.
"""

import os
from pathlib import Path

from stages import STAGES
from web_fixtures import serving

from agent.texts import Language
from agent.web.own_view import OwnPages

GOLDEN = Path(__file__).parent / "golden" / "own_pages.txt"


async def said(folder: Path) -> str:
    """Return what every state says: heading, title, sentences, buttons, announcement."""
    lines: list[str] = []
    for state, (location, stage) in STAGES.items():
        async with serving(folder / state.value, location) as site:
            who = await stage(site)
            pages = OwnPages(site.context)
            for language in Language:
                page = pages.make(who, "/t/x", language)
                lines += [
                    f"{state.value} {language.value}",
                    f"  h1      {page.text.h1}",
                    f"  title   {page.text.title}",
                ]
                lines += [f"  body    {sentence}" for sentence in page.body]
                lines += [f"  button  {button.label}{' (first)' if button.primary else ''}" for button in page.buttons]
                lines += [f"  {page.text.politeness.value:<7} {page.text.say}", ""]
    return "\n".join(lines)


async def test_every_state_says_what_the_file_says(tmp_path: Path) -> None:
    found = await said(tmp_path)
    if os.environ.get("STATIONMASTER_GOLDEN") == "write":
        GOLDEN.write_text(found, "utf-8")
    assert found == GOLDEN.read_text("utf-8")
