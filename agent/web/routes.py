"""Which address is answered by what: the one table of routes.

Builds the aiohttp application; decides nothing about what is shown.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from agent.web.board import BoardPages
from agent.web.change import ChangePages
from agent.web.check_in import CheckInPages
from agent.web.context import WebContext
from agent.web.guard import BODY_BYTES_MAX, Guard, local_only
from agent.web.here import HerePages
from agent.web.own_page import OwnPageRoutes
from agent.web.parts import Parts
from agent.web.render import static_route
from agent.web.sockets import Sockets
from agent.web.status import StatusPages
from agent.web.streams import Streams
from agent.web.twin import TwinPages

ADDRESS = r"{address:[a-z2-7]{26}}"


def application(context: WebContext, sockets: Sockets) -> web.Application:
    """Return the application of a site; ValueError for options that cannot work."""
    guard = Guard(context)
    app = web.Application(middlewares=[sockets.middleware, guard.middleware], client_max_size=BODY_BYTES_MAX)
    parts = Parts(context)
    guard.failure = parts.failure
    streams = Streams(parts, guard)
    app.on_shutdown.append(streams.close)
    for asset in parts.renderer.assets.values():
        app.router.add_get(asset.path, static_route(asset))
    _add_check_in(app, parts)
    _add_here(app, parts)
    _add_own_page(app, parts, streams)
    _add_board(app, parts, streams)
    _add_status(app, StatusPages(parts, guard, sockets, streams))
    if context.twin is not None:
        _add_twin(app, TwinPages(parts, context.twin, context.twin_clock, context.simulation))
    app.add_routes(context.routes)
    app.router.add_route("*", "/{rest:.*}", _unknown(parts))
    return app


def _add_check_in(app: web.Application, parts: Parts) -> None:
    pages = CheckInPages(parts)
    app.router.add_get("/", pages.show)
    app.router.add_get(r"/{digits:\d{6}}", pages.show)
    app.router.add_post("/check-in", pages.join)
    app.router.add_get("/captive", pages.captive)


def _add_here(app: web.Application, parts: Parts) -> None:
    pages = HerePages(parts)
    app.router.add_get("/here", pages.show)
    app.router.add_get(r"/here/{digits:\d{6}}", pages.show)
    app.router.add_post("/here", pages.act)


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
    changes = ChangePages(parts)
    app.router.add_get(f"/t/{ADDRESS}/change", changes.show)
    app.router.add_post(f"/t/{ADDRESS}/change", changes.act)
    app.router.add_get(f"/t/{ADDRESS}/{{action}}", pages.ask)
    app.router.add_post(f"/t/{ADDRESS}/{{action}}", pages.act)


def _add_board(app: web.Application, parts: Parts, streams: Streams) -> None:
    pages = BoardPages(parts, streams)
    app.router.add_get("/board", pages.show)
    app.router.add_get("/board/events", pages.events)


def _add_status(app: web.Application, pages: StatusPages) -> None:
    app.router.add_get("/health", pages.health)
    app.router.add_get("/status", local_only(pages.status))
    app.router.add_get(r"/explain/{check_in:[0-9A-Za-z]{1,12}}", local_only(pages.explain))
    app.router.add_get("/metrics", local_only(pages.metrics))


def _add_twin(app: web.Application, pages: TwinPages) -> None:
    app.router.add_get("/twin", local_only(pages.show))
    app.router.add_get("/twin/state", local_only(pages.state))
    app.router.add_get(r"/twin/display/{evse:\d{1,4}}.png", local_only(pages.display))
    app.router.add_post(r"/twin/evse/{evse:\d{1,4}}/{deed}", local_only(pages.deed))
    for name, deed in (
        ("clock", pages.site.clock),
        ("power", pages.site.power),
        ("internet", pages.site.internet),
        ("replay", pages.site.replay),
    ):
        app.router.add_post(f"/twin/{name}", local_only(deed))


def _unknown(parts: Parts) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def unknown(request: web.Request) -> web.Response:
        return parts.unknown(request)

    return unknown
