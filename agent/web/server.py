"""Starts the web server on a socket and stops it again; the composition root and the tests use nothing else.

Touches sockets. What is served is put together in `routes.py`.
"""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from agent.web.context import WebContext
from agent.web.http_log import http_log
from agent.web.routes import application
from agent.web.sockets import HEAD_S, Sockets

SHUTDOWN_S = 1.0  # answers under way get this long when the agent stops
BACKLOG = 128
HEADER_FIELD_BYTES_MAX = 8190  # aiohttp's own; a browser's largest header of ours is the cookie


@dataclass(frozen=True, slots=True)
class Served:
    """A web server that listens."""

    port: int
    sockets: Sockets
    _server: asyncio.Server
    _runner: web.AppRunner

    async def close(self) -> None:
        """Stop listening, end the streams, cut what is open."""
        self._server.close()
        await self._runner.cleanup()


async def serve(context: WebContext, host: str, port: int, *, head_s: float = HEAD_S) -> Served:
    """Listen on an address; port 0 takes a free one, which the result names. A header has `head_s` seconds.

    Raises OSError when the address is taken, ValueError for options that cannot work.
    """
    sockets = Sockets(head_s)
    runner = web.AppRunner(
        application(context, sockets),
        access_log=None,
        logger=http_log(context.monotonic),
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=head_s,
        max_field_size=HEADER_FIELD_BYTES_MAX,
    )
    await runner.setup()
    inner = runner.server
    if inner is None:
        raise RuntimeError("the web server was set up and is not there")
    try:
        server = await asyncio.get_running_loop().create_server(sockets.factory(inner), host, port, backlog=BACKLOG)
    except OSError:
        await runner.cleanup()
        raise
    return Served(int(server.sockets[0].getsockname()[1]), sockets, server, runner)
