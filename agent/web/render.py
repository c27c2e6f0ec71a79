"""Templates and static files: HTML from `templates/`, style and script under names that change with their content.

Reads the package's own files once, at start. Nothing a visitor sends chooses a file.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from aiohttp import web
from markupsafe import Markup

from agent.core.state import Site
from agent.texts.catalogue import Catalogue
from agent.texts.formats import Language
from agent.web.words import Words

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HASH_BYTES = 5
COMPRESS_FROM = 1024  # smaller answers fit one packet anyway
LEVEL = 6
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A static file, plain and compressed."""

    path: str
    kind: str
    body: bytes
    packed: bytes


def assets() -> dict[str, Asset]:
    """Return the static files of the package by their own names."""
    found = {}
    for file in sorted(resources.files("agent.web").joinpath("static").iterdir(), key=lambda f: f.name):
        stem, dot, ending = file.name.rpartition(".")
        kind = TYPES.get(dot + ending)
        if kind is None:
            continue
        body = file.read_bytes()
        digest = hashlib.blake2s(body, digest_size=HASH_BYTES).hexdigest()
        found[file.name] = Asset(
            path=f"/static/{stem}.{digest}.{ending}", kind=kind, body=body, packed=gzip.compress(body, 9, mtime=0)
        )
    return found


class Renderer:
    """Renders pages in a language."""

    def __init__(self, catalogue: Catalogue, languages: tuple[Language, ...]) -> None:
        self._catalogue = catalogue
        self._languages = languages
        self.assets = assets()
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("agent.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = lambda name: self.assets[name].path
        self._environment.filters["data_uri"] = _data_uri

    def words(self, site: Site, language: Language) -> Words:
        """Return the words of the site in a language."""
        return Words(self._catalogue, language, site.location)

    def html(self, template: str, site: Site, language: Language, fields: Mapping[str, Any]) -> str:
        """Return a template with its fields filled in; `t` says texts, `site_name` and `languages` are there."""
        words = self.words(site, language)
        return self._environment.get_template(template).render(
            {
                "t": words,
                "lang": language.value,
                "languages": [(one.value, self._catalogue.text("language.name", one)) for one in self._languages],
                "site_name": site.location.name if site.location else "Stationmaster",
                **fields,
            }
        )


def respond(request: web.Request, text: str, *, status: int = 200, kind: str = "text/html") -> web.Response:
    """Return an answer, compressed where the client takes that."""
    body = text.encode()
    response = web.Response(status=status, body=body, content_type=kind, charset="utf-8")
    if len(body) >= COMPRESS_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        response.body = gzip.compress(body, LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding, Accept-Language"
    return response


def static_route(asset: Asset) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of a static file; its name changes with its content, so it may be kept for ever."""

    async def serve(request: web.Request) -> web.Response:
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        response = web.Response(body=asset.packed if packed else asset.body, content_type=asset.kind, charset="utf-8")
        response.headers["Cache-Control"] = FOR_EVER
        response.headers["Vary"] = "Accept-Encoding"
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        return response

    return serve


def _data_uri(svg: str) -> Markup:
    """Return a small SVG as a data address, escaped as little as browsers need."""
    escaped = svg.replace("%", "%25").replace("#", "%23").replace('"', "'").replace("<", "%3C").replace(">", "%3E")
    return Markup(f"data:image/svg+xml,{escaped}")  # noqa: S704 - our own constant, escaped above
