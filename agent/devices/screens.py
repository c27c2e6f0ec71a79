"""What the small display of a bay shows, in words: from the view of an EVSE to the faces of a `Screen`.

Pure but for the catalogue it was given. Call codes, bays, times and sums only; never who somebody is.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta, timezone

from agent.core.board import pool_view
from agent.core.layout import MINUTE_MS, EvseId, Now
from agent.core.shown import NO_WAITS, EvseShown, Readings, Waits
from agent.core.state import Site, TokenAnswer
from agent.core.views import EvseView, evse_view
from agent.texts.catalogue import Catalogue
from agent.texts.displays import DisplayState, face_text
from agent.texts.formats import Language
from agent.texts.waits import WaitForm, wait_text
from drivers.ports import Face, Screen

_STATE: Mapping[EvseShown, DisplayState] = {
    EvseShown.FREE: DisplayState.FREE,
    EvseShown.FREE_UNKNOWN: DisplayState.FREE,
    EvseShown.TAKEN: DisplayState.TAKEN,
    EvseShown.QUEUE: DisplayState.QUEUE,
    EvseShown.HELD: DisplayState.HELD,
    EvseShown.ARRIVED: DisplayState.PLUG_IN,
    EvseShown.WRONG_CAR: DisplayState.WRONG_BAY,
    EvseShown.RESERVED_NOW: DisplayState.RESERVED,
    EvseShown.AUTHORISE: DisplayState.CARD,
    EvseShown.PREPARING: DisplayState.PREPARING,
    EvseShown.CHARGING: DisplayState.CHARGING,
    EvseShown.PAUSED: DisplayState.PAUSED,
    EvseShown.FINISHED: DisplayState.FINISHED,
    EvseShown.PLEASE_MOVE: DisplayState.PLEASE_MOVE,
    EvseShown.BLOCKED: DisplayState.PLEASE_MOVE,
    EvseShown.FAULT: DisplayState.FAULT,
    EvseShown.DANGER: DisplayState.DANGER,
    EvseShown.OUT_OF_ORDER: DisplayState.FAULT,
    EvseShown.CLOSED: DisplayState.CLOSED,
    EvseShown.STARTING: DisplayState.STARTING,
}
_NOTICE: Mapping[TokenAnswer, DisplayState] = {
    TokenAnswer.JOINED: DisplayState.CHECKED_IN,
    TokenAnswer.IN_LINE: DisplayState.CHECKED_IN,
    TokenAnswer.ASK_LEAVE: DisplayState.LEAVE,
    TokenAnswer.LEFT: DisplayState.LEFT,
    TokenAnswer.OTHER_BAY: DisplayState.OTHER_BAY,
    TokenAnswer.HELD_FOR_OTHER: DisplayState.WRONG_BAY,
    TokenAnswer.NOT_ACCEPTED: DisplayState.REFUSED,
    TokenAnswer.NOT_NOW: DisplayState.REFUSED,
}
AWAKE_MS = 5 * MINUTE_MS  # `experience.md` 5: bright for five minutes after any bay, token or call event
# No new check-in is invited while the bay speaks to somebody at it.
_INVITES = frozenset({DisplayState.FREE, DisplayState.QUEUE, DisplayState.CHARGING})


class Screens:
    """Makes the screens of a site.

    `check_in_url` returns what a QR code encodes for the present presence code, or None where there is none to show.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        languages: tuple[Language, ...],
        presence_code: Callable[[], str],
        check_in_url: Callable[[str], str | None],
        waits: Callable[[], Waits] = lambda: NO_WAITS,
        phone: str | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._languages = languages
        self._presence_code = presence_code
        self._check_in_url = check_in_url
        self._waits = waits
        self._phone = phone

    def of(self, site: Site, evse: EvseId, now: Now, readings: Readings) -> Screen:
        """Return what the display of an EVSE shows now."""
        view = evse_view(site, evse, now, readings)
        notice = view.notice
        state = _STATE[view.state]
        if notice is not None and notice.answer in _NOTICE:
            state = _NOTICE[notice.answer]
        faces = tuple(self._face(site, view, state, language, now) for language in self._languages)
        quiet_ms = now.elapsed_ms - (view.since_ms or 0)
        return Screen(faces=faces, awake=notice is not None or quiet_ms < AWAKE_MS)

    def _face(self, site: Site, view: EvseView, state: DisplayState, language: Language, now: Now) -> Face:
        fields = self._fields(site, view, state, language, now)
        text = face_text(self._catalogue, state, language, **fields)
        code = self._presence_code() if text.with_qr else None
        return Face(
            big=text.big,
            lines=text.lines,
            qr=self._check_in_url(code) if code is not None else None,
            bar_percent=view.soc_percent if text.with_bar else None,
            icon=text.icon,
        )

    def _fields(
        self, site: Site, view: EvseView, state: DisplayState, language: Language, now: Now
    ) -> dict[str, object]:
        """Collect what is known; a line whose fields are missing is left out by the catalogue."""
        notice = view.notice if state is not _STATE[view.state] else None
        until = view.until_utc_ms if state is DisplayState.RESERVED else None
        return {
            "bay": notice.bay if notice is not None and notice.bay is not None else view.label,
            "count": view.waiting or None,
            "code": notice.code if notice is not None else view.code,
            "digits": self._presence_code() if state in _INVITES else None,
            "left_s": None if view.left_ms is None else -(-view.left_ms // 1000),
            "power_w": view.power_w,
            "energy_wh": view.energy_wh,
            "start": None if until is None else _clock(site, until),
            "phone": self._phone,
            "position": notice.position if notice is not None else None,
            "wait": self._wait(site, view, language, now),
        }

    def _wait(self, site: Site, view: EvseView, language: Language, now: Now) -> str | None:
        if not view.pools:
            return None
        wait = pool_view(site, view.pools[0], now, self._waits()).wait
        if wait is None:
            return None
        return wait_text(wait.p50_min, wait.p90_min, language, catalogue=self._catalogue, form=WaitForm.PANEL)


def _clock(site: Site, utc_ms: int) -> time:
    """Return the local time of day of an instant."""
    offset = timezone(timedelta(minutes=site.location.offset_min(utc_ms) if site.location else 0))
    return datetime.fromtimestamp(utc_ms / 1000, tz=UTC).astimezone(offset).time()
