"""Which address is answered by what: the one table of routes.

Builds the aiohttp application; decides nothing about what is shown.
"""

from aiohttp import web

from agent.web.check_in import CheckInPages
from agent.web.context import WebContext
from agent.web.guard import BODY_BYTES_MAX, Guard
from agent.web.own_page import OwnPageRoutes
from agent.web.parts import Parts
from agent.web.render import static_route
from agent.web.sockets import Sockets
from agent.web.streams import Streams

ADDRESS = r"{address:[a-z2-7]{26}}"


def application(context: WebContext, sockets: Sockets) -> web.Application:
    """Return the application of a site; ValueError for options that cannot work."""
    guard = Guard(context)
    app = web.Application(middlewares=[sockets.middleware, guard.middleware], client_max_size=BODY_BYTES_MAX)
    parts = Parts(context)
    streams = Streams(parts, guard)
    app.on_shutdown.append(streams.close)
    for asset in parts.renderer.assets.values():
        app.router.add_get(asset.path, static_route(asset))
    _add_check_in(app, parts)
    _add_own_page(app, parts, streams)
    app.router.add_route("*", "/{rest:.*}", _unknown(parts))
    return app


def _add_check_in(app: web.Application, parts: Parts) -> None:
    pages = CheckInPages(parts)
    app.router.add_get("/", pages.show)
    app.router.add_get(r"/{digits:\d{6}}", pages.show)
    app.router.add_post("/check-in", pages.join)
    app.router.add_get("/captive", pages.captive)


def _add_own_page(app: web.Application, parts: Parts, streams: Streams) -> None:
    pages = OwnPageRoutes(parts)

    async def events(request: web.Request) -> web.StreamResponse:
        check_in = pages.find(request)
        if check_in is None:
            raise web.HTTPNotFound
        language, path = parts.language(request), parts.addresses.of(check_in)
        known = parts.addresses.find
        return await streams.serve(
            request,
            lambda: parts.own.make(check_in, path, language).event() if known(path.rpartition("/")[2]) else None,
        )

    app.router.add_get(f"/t/{ADDRESS}", pages.show)
    app.router.add_get(f"/t/{ADDRESS}/state", pages.state)
    app.router.add_get(f"/t/{ADDRESS}/events", events)
    app.router.add_get(f"/t/{ADDRESS}/thanks", pages.thanks)
    app.router.add_get(f"/t/{ADDRESS}/{{action}}", pages.ask)
    app.router.add_post(f"/t/{ADDRESS}/{{action}}", pages.act)


def _unknown(parts: Parts):  # type: ignore[no-untyped-def]
    async def unknown(request: web.Request) -> web.Response:
        return parts.unknown(request)

    return unknown
