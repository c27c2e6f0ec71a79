"""What every page needs: context, templates, own pages, request ids; and the few steps all of them share.

Built once for an application. Decides nothing; answers in the visitor's language.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from agent.core.inputs import Refused
from agent.core.layout import Now
from agent.core.state import Site
from agent.kernel.runner import Published
from agent.texts.formats import Language
from agent.texts.refusals import HTTP_STATUS, Reason, refusal_text
from agent.web.addresses import Addresses
from agent.web.context import WebContext
from agent.web.language import chosen
from agent.web.once import Once
from agent.web.own_view import OwnPages
from agent.web.render import Renderer, respond
from agent.web.words import Words

BUSY_RETRY_S = 5  # `Retry-After` of an answer that only time mends


class NotTaken(Exception):  # noqa: N818 - an answer to the visitor, not an error of ours
    """A form was refused before it became a Request; `fields` are for the words of the reason."""

    def __init__(self, reason: Reason, **fields: object) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.fields = fields


class Parts:
    """The parts of the web server."""

    def __init__(self, context: WebContext) -> None:
        self.context = context
        self.renderer = Renderer(context.catalogue, context.options.languages)
        self.addresses = Addresses(context.runner, context.key)
        self.own = OwnPages(context)
        self.once = Once(context)
        context.runner.listen(self._forget)

    def _forget(self, published: Published) -> None:
        if published.events:
            self.own.forget(published.site.check_ins)

    @property
    def site(self) -> Site:
        """The durable state of the site."""
        return self.context.runner.site

    def now(self) -> Now:
        """The present instant of the location."""
        return self.context.runner.now()

    def language(self, request: web.Request) -> Language:
        """Return the language of a request."""
        header = request.headers.get("Accept-Language")
        return chosen(request.query.get("lang"), header, self.context.options.languages)

    def words(self, request: web.Request) -> Words:
        """Return the words of the site in the language of a request."""
        return self.renderer.words(self.site, self.language(request))

    def html(
        self, request: web.Request, template: str, fields: Mapping[str, Any], *, status: int = 200
    ) -> web.Response:
        """Answer with a page."""
        language = self.language(request)
        shared = {
            "path": request.path,
            "suffix": self.suffix(request),
            "chosen": request.query.get("lang", ""),
            "demo": self.context.twin is not None,
            "phone": self.context.options.operator_phone,
            "error": None,
            "auto": False,
        }
        return respond(request, self.renderer.html(template, self.site, language, {**shared, **fields}), status=status)

    def suffix(self, request: web.Request) -> str:
        """Return what keeps a chosen language in the addresses of a page."""
        wanted = request.query.get("lang")
        known = [language.value for language in self.context.options.languages]
        return "?" + urlencode({"lang": wanted}) if wanted in known else ""

    def see_other(self, request: web.Request, path: str) -> web.Response:
        """Send the browser on after a deed, so that a reload does not repeat it."""
        return web.Response(status=303, headers={"Location": path + self.suffix(request)})

    def message(self, request: web.Request, reason: Reason) -> web.Response:
        """Answer with a page that says only why not."""
        words = self.words(request)
        text = refusal_text(words.catalogue, reason, words.language)
        response = self.html(request, "message.html", {"h1": text, "body": ()}, status=HTTP_STATUS[reason])
        if reason in (Reason.BUSY, Reason.STARTING, Reason.CANNOT_STORE):
            response.headers["Retry-After"] = str(BUSY_RETRY_S)
        return response

    def failure(self, request: web.Request, status: int, reference: str) -> web.Response:
        """Answer for what went wrong before or behind the pages: a page for people, a line for programs."""
        if status == HTTPStatus.NOT_FOUND:
            return self.unknown(request)
        words = self.words(request)
        reason = Reason.INTERNAL if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Reason.BAD_REQUEST
        h1 = refusal_text(words.catalogue, reason, words.language)
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(status=status, text=f"{status} {h1} {reference}\n")
        body = (words("refusal.reference", reference=reference),) if reference else ()
        return self.html(request, "message.html", {"h1": h1, "body": body, "path": "/"}, status=status)

    def unknown(self, request: web.Request) -> web.Response:
        """Answer for an own page that is not known: always the same page, whatever was asked."""
        words = self.words(request)
        fields = {"h1": words("state.unknown_link.h1"), "body": (words("state.unknown_link.perhaps"),)}
        return self.html(request, "message.html", {**fields, "path": "/"}, status=404)


def reason_of(refused: Refused) -> Reason:
    """Return the reason whose words tell a refusal of the core."""
    return Reason(refused.reason.value)
