"""Starts the web server on a socket and stops it again; the composition root and the tests use nothing else.

Touches sockets. What is served is put together in `routes.py`.
"""

from dataclasses import dataclass

from aiohttp import web

from agent.web.context import WebContext
from agent.web.routes import application

SHUTDOWN_S = 1.0  # open event streams are cut when the agent stops; nobody waits for them


@dataclass(frozen=True, slots=True)
class Served:
    """A web server that listens."""

    port: int
    runner: web.AppRunner

    async def close(self) -> None:
        """Stop listening, cut what is open."""
        await self.runner.cleanup()


async def serve(context: WebContext, host: str, port: int) -> Served:
    """Listen on an address; port 0 takes a free one, which the result names. Raises OSError when it is taken."""
    runner = web.AppRunner(application(context), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return Served(port=int(runner.addresses[0][1]), runner=runner)
