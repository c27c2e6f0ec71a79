"""The faces of every display state with the design's own figures, for golden pictures and decoding tests."""

from datetime import time

from agent.texts import DisplayState, Language, WaitForm, face_text, load, wait_text
from drivers.ports import Face

ADDRESS = "HTTP://10.42.0.1/483921"  # version 1
LONG_ADDRESS = "HTTP://RASTHOF-NORD.LOCAL/483921"  # version 2


def face(state: DisplayState, language: Language, *, address: str = ADDRESS, longest: bool = False) -> Face:
    """Return a face; `longest` fills its fields with the longest values a site can have."""
    fields: dict[str, object] = {
        "digits": "483921",
        "bay": "12" if longest else "5",
        "code": "K72" if longest else "K7",
        "count": 64 if longest else 4,
        "left_s": 720 if longest else 272,
        "start": time(17, 45),
        "until": time(17, 30),
        "since": time(15, 2),
        "opens": time(6, 0),
        "power_w": 350_000 if longest else 74_000,
        "energy_wh": 118_400 if longest else 18_400,
        "position": 64 if longest else 3,
        "phone": "0800 1234567" if longest else "0800 123456",
        "wait": wait_text(160, 170, language, catalogue=load(), form=WaitForm.PANEL)
        if longest
        else wait_text(25, 48, language, catalogue=load(), form=WaitForm.PANEL),
    }
    words = face_text(load(), state, language, **fields)
    return Face(
        big=words.big,
        lines=words.lines,
        qr=address if words.with_qr else None,
        bar_percent=62 if words.with_bar else None,
        icon=words.icon,
    )
