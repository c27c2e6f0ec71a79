"""The gate in front of every route: called by our own name, by our own pages, not too often, with the right headers.

Decides who is let in, never what is shown. Foreign hosts get no content (DNS rebinding); deeds need the same origin as
far as the browser tells it, and every form a signed id besides (`once.py`), which old browsers rely on alone.
"""

import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from agent.web.context import OTHERS, WebContext
from agent.web.limits import DEEDS, READS, Limiter
from agent.web.peers import Peer, networks, parse_ip, peer_of

log = logging.getLogger("stationmaster.web")

BODY_BYTES_MAX = 64 * 1024
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PEER = web.RequestKey("peer", Peer)
# Where phones and computers look whether they are online: they are sent to our page, by its own name.
PROBES = frozenset(
    {
        *("/generate_204", "/gen_204", "/hotspot-detect.html", "/library/test/success.html"),
        *("/connecttest.txt", "/ncsi.txt", "/success.txt", "/canonical.html"),
    }
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def policy(*, framed: bool, frames: bool = False) -> str:
    """Return the Content-Security-Policy: nothing but our own; `framed` lets our own pages frame it, `frames` frame."""
    rules = [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'" if framed else "frame-ancestors 'none'",
    ]
    return "; ".join([*rules, "frame-src 'self'"] if frames else rules)


Failure = Callable[[web.Request, int, str], web.Response]


def _plain(_: web.Request, status: int, reference: str) -> web.Response:
    return web.Response(status=status, text=f"{status} {reference}\n")


class Guard:
    """Checks requests, and gives every answer its headers.

    `failure` makes the answer to what went wrong: request, status, and the reference under which the log tells it.
    """

    def __init__(self, context: WebContext) -> None:
        """Take names and proxies from the options; ValueError for a public address that no phone can open."""
        options = context.options
        public = urlsplit(options.public_url)
        ip = parse_ip(public.hostname or "")
        if not options.demo and ((ip is not None and ip.is_loopback) or public.hostname == "localhost"):
            raise ValueError(f"web.public_url {options.public_url}: phones cannot open this machine's own loopback")
        self._public = options.public_url.rstrip("/")
        self._public_origin = f"{public.scheme}://{public.netloc}".lower() if public.netloc else None
        machine = socket.gethostname().lower()
        self._names = frozenset(
            name.lower().rstrip(".")
            for name in (public.hostname or "", "localhost", machine, f"{machine}.local", *options.allowed_hosts)
            if name
        )
        self._own_ips = frozenset(ip for name in self._names if (ip := parse_ip(name)) is not None)
        self._policy = policy(framed=context.twin is not None)
        self._trusted = networks(options.trusted_proxies)
        self._reads, self._deeds = Limiter(READS), Limiter(DEEDS)
        self._monotonic = context.monotonic
        self._outside = context.outside
        self.refused = 0
        self.failure: Failure = _plain

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, or say why not."""
        peer = peer_of(request.remote, request.headers, self._trusted)
        request[PEER] = peer
        if request.path.startswith(OTHERS):
            if self._outside.is_cut and request.transport is not None:
                request.transport.abort()
            self._outside.check()  # aiohttp takes the error for what it is: a connection that is gone
            return await handler(request)
        response: web.StreamResponse | None = self._turned_away(request, peer)
        if response is None:
            response = await self._handled(request, handler)
        else:
            self.refused += 1
        if not response.prepared:
            self.dress(response)
        return response

    def dress(self, response: web.StreamResponse) -> None:
        """Give an answer the headers all answers have; those it has already stay."""
        headers = response.headers
        headers.setdefault("Content-Security-Policy", self._policy)
        headers.setdefault("Cache-Control", "no-store")
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Robots-Tag"] = "noindex"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            response = self.failure(request, error.status, "")
            response.headers.update(_allow(error))
            return response
        except ConnectionError:
            raise
        except Exception:
            reference = secrets.token_hex(2)
            log.exception("request=failed reference=%s route=%s", reference, _route(request))
            return self.failure(request, 500, reference)

    def _turned_away(self, request: web.Request, peer: Peer) -> web.Response | None:
        if not self._is_our_name(request):
            if request.path in PROBES and self._public and request.method in SAFE:
                return web.Response(status=302, headers={"Location": f"{self._public}/captive"})
            return web.Response(status=421, text="421 This is not the name of this site.\n")
        limiter = self._reads if request.method in SAFE else self._deeds
        if not limiter.allows(peer.key, self._monotonic()):
            return web.Response(status=429, text="429 Too many requests.\n", headers={"Retry-After": "10"})
        if request.method not in SAFE and not self._is_same_origin(request):
            return web.Response(status=403, text="403 Another site sent this.\n")
        return None

    def _is_our_name(self, request: web.Request) -> bool:
        host = _host(request.headers.get("Host", ""))
        ip = parse_ip(host)
        if ip is None:
            return host.lower().rstrip(".") in self._names
        sockname = request.transport.get_extra_info("sockname") if request.transport is not None else None
        own = parse_ip(str(sockname[0])) if sockname else None
        return ip == own or ip in self._own_ips

    def _is_same_origin(self, request: web.Request) -> bool:
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site == "same-origin"
        origin = request.headers.get("Origin")
        # "null" is what a form under `Referrer-Policy: no-referrer` sends: the signed id of the form decides.
        if origin is None or origin == "null":
            return True
        origin = origin.lower()
        return origin == self._public_origin or _netloc(origin) == request.headers.get("Host", "").lower()


def local_only(handler: Handler) -> Handler:
    """Let only programs on this machine call a route; for others it is not there."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not request[PEER].local:
            raise web.HTTPNotFound
        return await handler(request)

    return guarded


def _host(header: str) -> str:
    """Return the name in a Host header without its port."""
    if header.startswith("["):
        return header.partition("]")[0][1:]
    return header.partition(":")[0]


def _netloc(origin: str) -> str | None:
    """Return the host and port of an Origin header, or None for one that no browser sends."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _allow(error: web.HTTPException) -> dict[str, str]:
    return {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}


def _route(request: web.Request) -> str:
    """Return the pattern of a route for the log: an own page's address is a secret."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
