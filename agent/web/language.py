"""Which language a page is in: what the person chose on the page, else what the browser asks for, else the site's.

Pure. The choice is kept in addresses (`?lang=de`), not in a cookie: switching a language needs no storage.
"""

from agent.texts.formats import Language

HEADER_MAX = 200  # a longer Accept-Language is no browser's; RFC 9110 leaves the limit to us


def chosen(query: str | None, header: str | None, offered: tuple[Language, ...]) -> Language:
    """Return the language for a request: `query` is the `lang` of the address, `header` its Accept-Language."""
    by_code = {language.value: language for language in offered}
    if query in by_code:
        return by_code[query]
    for code in _preferred(header or ""):
        if code in by_code:
            return by_code[code]
    return offered[0]


def _preferred(header: str) -> list[str]:
    """Return the primary language codes a browser accepts, the dearest first (RFC 9110 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in header[:HEADER_MAX].split(","):
        tag, _, parameters = part.strip().partition(";")
        quality = 1.0
        if parameters.strip().startswith("q="):
            try:
                quality = float(parameters.strip()[2:])
            except ValueError:
                quality = 0.0
        if quality > 0:
            found.append((-quality, tag.split("-")[0].lower()))
    return [code for _, code in sorted(found, key=lambda pair: pair[0])]
