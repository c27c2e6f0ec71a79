"""Which address is answered by what: the one table of routes.

Builds the aiohttp application; decides nothing about what is shown.
"""

from aiohttp import web

from agent.web.context import WebContext


def application(context: WebContext) -> web.Application:
    """Return the application of a site."""
    app = web.Application()
    del context
    return app
