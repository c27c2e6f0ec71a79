"""The words of all screens in English and German: catalogue, locale rules, pages, refusals, displays.

Floor 1: standard library only, pure once the package's TOML files are read. Decides wording, never what is shown.
"""

from agent.texts.catalogue import Catalogue, TextError, load
from agent.texts.displays import DisplayState, FaceText, face_text, row_texts
from agent.texts.formats import FieldKind, Language, Money
from agent.texts.pages import Button, Note, PageState, PageText, Politeness, page_text
from agent.texts.refusals import HTTP_STATUS, RESULT_KEYS, Reason, refusal_text, result_text
from agent.texts.waits import Wait, WaitForm, rounded_wait, wait_text

__all__ = [
    "HTTP_STATUS",
    "RESULT_KEYS",
    "Button",
    "Catalogue",
    "DisplayState",
    "FaceText",
    "FieldKind",
    "Language",
    "Money",
    "Note",
    "PageState",
    "PageText",
    "Politeness",
    "Reason",
    "TextError",
    "Wait",
    "WaitForm",
    "face_text",
    "load",
    "page_text",
    "refusal_text",
    "result_text",
    "rounded_wait",
    "row_texts",
    "wait_text",
]
