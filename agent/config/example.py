"""The example configuration: every key with its help, bounds and default, written from the types.

Pure. Needed keys stand with an example value; all others are commented out, as `#key = value`, with their default or,
where that is empty, with an example. So the text is a working configuration, and no key can be missing from it.
"""

import json
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum

from agent.config.devices import options_of
from agent.config.forms import Form, Key, keys_of
from agent.config.problems import joined
from agent.config.settings import Secret
from agent.config.types import Config
from drivers.registry import Port, names

WIDTH = 100

_HEAD = """\
Configuration of Stationmaster: every key there is, with its help. Written by `stationmaster example-config`.

Keys behind a # may be left out; the value shown is the default, or an example where the default is empty.
Unknown keys are errors. `stationmaster check-config FILE` tells every mistake at once.
"""


def example_toml() -> str:
    """Return the complete commented example; it loads without problems."""
    lines = [*_comment(_HEAD)]
    for key in keys_of(Config):
        lines += ["", *_table(key, key.name, off=not key.required and key.form.of is not None)]
        if key.name == "device":
            lines += ["", *_drivers()]
    return "\n".join(lines) + "\n"


def _table(key: Key, path: str, *, off: bool) -> Iterator[str]:
    """Write a table, or one entry of an array of tables, with its keys and then the tables in it."""
    form = key.form.of or key.form
    hash_ = "#" if off else ""
    yield from _comment(_first_line(form))
    yield f"{hash_}[[{path}]]" if key.form.of is not None else f"{hash_}[{path}]"
    inner = tuple(keys_of(form.kind))
    for one in inner:
        if not _is_table(one.form):
            yield from _comment(_help(one))
            yield f"{'' if one.required and not off else '#'}{one.name} = {_literal(_value(one))}"
    for one in inner:
        if one.form.is_open:
            yield ""
            yield from _open_table(one, joined(path, one.name))
        elif _is_table(one.form):
            yield ""
            once = one.required or one.form.of is None  # an entry of an array may be missing
            yield from _table(one, joined(path, one.name), off=off or one.form.optional or not once)


def _open_table(key: Key, path: str) -> Iterator[str]:
    """Write a table whose keys are free, with the pairs of its example."""
    yield from _comment(_help(key))
    yield f"#[{path}]"
    example = (key.form.meta.examples or [{}])[0]
    for name, value in example.items():
        yield f"#{joined('', name)} = {_literal(value)}"


def _drivers() -> Iterator[str]:
    """Write what each built-in driver wants to know."""
    yield from _comment("The keys of [device.options], by port and driver:")
    for port in Port:
        for driver in names(port):
            yield "#"
            yield from _comment(f'port = "{port.value}", driver = "{driver}"')
            options = options_of(port, driver)
            keys = keys_of(options) if options is not None else ()
            if not keys:
                yield "#     none"
            for key in keys:
                yield from _comment(f"{key.name}: {_terms(key)}", indent="    ")


def _is_table(form: Form) -> bool:
    return form.is_open or (form.of or form).is_table


def _first_line(form: Form) -> str:
    return (form.kind.__doc__ or "").strip().partition("\n")[0]


def _help(key: Key) -> str:
    about = (key.form.meta.description or "").rstrip(".")
    return f"{about}. {_capital(_terms(key)).rstrip('.')}."


def _terms(key: Key) -> str:
    """Return what a key may be and what it is if it is left out."""
    form = key.form
    words = form.words()
    if form.of is not None and not form.is_open and not form.of.is_table:
        words += f"; each {form.of.words()}"
    if key.required:
        return f"{words}; needed"
    empty = key.default is None or key.default in ("", (), {}, [])
    return words if empty else f"{words}; default {_literal(key.default)}"


def _value(key: Key) -> object:
    """Return what stands in the example: the default, or the example where there is none."""
    examples = key.form.meta.examples
    if examples and (key.required or key.default is None or key.default in ("", (), {}, [])):
        return examples[0]
    return key.default


def _literal(value: object) -> str:
    """Return a value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return _literal(value.value)
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Secret():
            return '""'
        case Mapping():
            pairs = (f"{joined('', str(name))} = {_literal(entry)}" for name, entry in value.items())
            return "{ " + ", ".join(pairs) + " }" if value else "{}"
        case list() | tuple():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case _:
            return '""'


def _comment(text: str, indent: str = "") -> Iterator[str]:
    for paragraph in text.splitlines():
        for line in textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]:
            yield f"# {indent}{line}".rstrip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
