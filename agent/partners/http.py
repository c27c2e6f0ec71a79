"""SeQueRe over HTTP under /sequere/: routes for the site's web server (`sequere.md` 7).

Reads requests, asks the registry, writes envelopes; decides nothing about the queue. TLS and the Host header are the
affair of the server these routes are added to. Never logs a header a partner sent, except the ids made for that.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from agent.config.addresses import is_near
from agent.ocpp.strict_json import NotJson
from agent.partners import schemas
from agent.partners.operations import SWITCHED_OFF, Partners
from agent.partners.partner import Credentials, Partner
from agent.partners.results import (
    KIND_OF,
    NO_CREDENTIAL,
    NO_TLS,
    TOO_LARGE,
    UNKNOWN_OPERATION,
    WRONG_METHOD,
    Kind,
    Reply,
    bare,
    envelope,
)
from agent.partners.strict_json import BODY_BYTES_MAX, TooLarge, read_json

log = logging.getLogger("stationmaster.partners")

BASE = "/sequere/1.0"
VERSION = "1.0"
BODY_S = 10.0  # 64 KiB over the slowest link that still makes sense
CALLS_AT_ONCE_MAX = 8  # of one credential (`sequere.md` 7: connections)
BAD_CREDENTIAL_LOG_S = 10.0  # a guesser must not fill the log
SENT_BY_AGENT = ("PositionUpdate", "AssignChargePoint", "PoolUpdate", "QueueState")

_LOGGED = {  # what a partner tells of a call, by its name in the log; who calls is decided by the credential alone
    "X-Request-ID": "trace",
    "X-Correlation-ID": "correlation",
    "OCPI-from-country-code": "from_country",
    "OCPI-from-party-id": "from_party",
}
_ECHOED = ("X-Request-ID", "X-Correlation-ID")
_ECHO_FORM = re.compile(r"[A-Za-z0-9._:+/=-]{1,64}")
_INTEGERS = frozenset({"offset", "limit", "resolution_minutes"})
_DIGITS = re.compile(r"[0-9]{1,9}")

Served = Callable[[web.Request, Partner], Awaitable[web.Response]]


class PartnerRoutes:
    """The routes, over one registry and the credentials of the configuration."""

    def __init__(self, partners: Partners, credentials: Credentials, public_url: str = "") -> None:
        """`public_url` begins the addresses in version details; empty: as the partner called us."""
        self._partners = partners
        self._context = partners.context
        self._credentials = credentials
        self._public_url = public_url.rstrip("/")
        self._at_once: dict[str, int] = {}
        self._logged_s = -BAD_CREDENTIAL_LOG_S

    def table(self) -> list[web.RouteDef]:
        """Return the routes. What lies under /sequere/ and is not here is answered by an envelope as well."""
        return [
            web.get("/sequere/versions", self._for_partner(self._versions)),
            web.get(BASE, self._for_partner(self._details)),
            web.get(f"{BASE}/schemas/{{name}}.json", self._schema),
            web.route("*", f"{BASE}/{{operation}}", self._for_partner(self._operation)),
            web.route("*", "/sequere/{rest:.*}", self._for_partner(self._nothing)),
        ]

    def _for_partner(self, serve: Served) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Find out who asks, and keep them to so many calls at once."""

        async def handler(request: web.Request) -> web.Response:
            if is_open_to_all(request.remote, secure=request.secure):
                return self._bare(request, NO_TLS, "over the internet by TLS only")
            partner = self._credentials.find(request.headers.get("Authorization"))
            if partner is None:
                return self._unknown_credential(request)
            if self._at_once.get(partner.key, 0) >= CALLS_AT_ONCE_MAX:
                return self._bare(request, KIND_OF["BUSY"], "more calls at once than allowed")
            self._at_once[partner.key] = self._at_once.get(partner.key, 0) + 1
            try:
                return await serve(request, partner)
            finally:
                self._at_once[partner.key] -= 1

        return handler

    # --- what is served

    async def _operation(self, request: web.Request, partner: Partner) -> web.Response:
        name = request.match_info["operation"]
        known = self._partners.operations.get(name)
        if known is None and name not in SWITCHED_OFF:
            return self._bare(request, UNKNOWN_OPERATION, "unknown operation")
        reads, trace = name.startswith("Get"), _trace(request)
        if request.method not in (("GET", "HEAD") if reads else ("POST",)):
            return self._bare(request, WRONG_METHOD, "wrong method", {"Allow": "GET, HEAD" if reads else "POST"})
        try:
            body = _query(request) if reads else read_json(await _body(request))
        except TimeoutError:
            return self._sent(request, self._partners.malformed(partner, name, "body: came too slowly", trace))
        except TooLarge as no:
            return self._bare(request, TOO_LARGE, str(no))
        except NotJson as no:
            return self._sent(request, self._partners.malformed(partner, name, str(no), trace))
        reply = await self._partners.handle(partner, name, body, trace)
        return self._list(request, reply, body) if reads else self._sent(request, reply)

    async def _versions(self, request: web.Request, partner: Partner) -> web.Response:
        del partner
        return self._data(request, [{"version": VERSION, "url": self._url(request, BASE)}])

    async def _details(self, request: web.Request, partner: Partner) -> web.Response:
        """List what is served, and nothing else."""
        endpoints = [
            {"identifier": name, "role": "RECEIVER", "url": self._url(request, f"{BASE}/{name}")}
            for name in self._partners.operations
        ]
        if partner.receiver_url:
            endpoints += [{"identifier": name, "role": "SENDER", "url": partner.receiver_url} for name in SENT_BY_AGENT]
        return self._data(request, {"version": VERSION, "endpoints": endpoints})

    async def _schema(self, request: web.Request) -> web.Response:
        found = schemas.schema(request.match_info["name"])
        if found is None:
            return self._bare(request, UNKNOWN_OPERATION, "no such schema")
        return web.Response(body=found, content_type="application/schema+json")

    async def _nothing(self, request: web.Request, partner: Partner) -> web.Response:
        del partner
        return self._bare(request, UNKNOWN_OPERATION, "unknown version or path")

    # --- how it is sent

    def _unknown_credential(self, request: web.Request) -> web.Response:
        now_s = self._context.monotonic()
        if now_s - self._logged_s >= BAD_CREDENTIAL_LOG_S:
            self._logged_s = now_s
            log.warning("sequere=refused reason=credential")
        return self._bare(request, NO_CREDENTIAL, "no or unknown credential", {"WWW-Authenticate": "Token"})

    def _bare(self, request: web.Request, kind: Kind, told: str, headers: dict[str, str] | None = None) -> web.Response:
        return self._sent(request, bare(kind, told, self._context.utc_ms(), told), headers)

    def _data(self, request: web.Request, data: object) -> web.Response:
        kind = KIND_OF["ACCEPTED"]
        told = envelope(kind, self._context.utc_ms(), data=data)
        return self._sent(request, Reply(envelope=told, kind=kind, result="ACCEPTED"))

    def _sent(self, request: web.Request, reply: Reply, headers: dict[str, str] | None = None) -> web.Response:
        found = {**_echoed(request), "Cache-Control": "no-store", **(headers or {})}
        if reply.kind.retry_after_s is not None:
            found["Retry-After"] = str(reply.kind.retry_after_s)
        body = msgspec.json.encode(reply.envelope)
        return web.Response(body=body, status=reply.kind.http, content_type="application/json", headers=found)

    def _list(self, request: web.Request, reply: Reply, query: dict[str, Any]) -> web.Response:
        """Add the headers of OCPI lists; a list that is as the partner has it is not sent again."""
        told = reply.envelope
        if "total_count" not in told:
            return self._sent(request, reply)
        total, limit = told["total_count"], told["limit"]
        headers = {"X-Total-Count": str(total), "X-Limit": str(limit)}
        following = int(query.get("offset", 0)) + limit
        if following < total:
            more = urlencode({**query, "offset": following, "limit": limit})
            headers["Link"] = f'<{self._url(request, request.path)}?{more}>; rel="next"'
        # Weak: hold_seconds and the like count down between two answers that say the same.
        etag = f'W/"{hashlib.blake2b(msgspec.json.encode(_lasting(told["data"])), digest_size=12).hexdigest()}"'
        headers["ETag"] = etag
        if etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
            return web.Response(status=304, headers={**_echoed(request), **headers})
        return self._sent(request, reply, headers)

    def _url(self, request: web.Request, path: str) -> str:
        return f"{self._public_url or f'{request.scheme}://{request.host}'}{path}"


def is_open_to_all(remote: str | None, *, secure: bool) -> bool:
    """Return whether a call came unencrypted from outside this machine and private networks (`sequere.md` 7).

    Behind a proxy that ends TLS the call comes from the proxy, which is near.
    """
    return not secure and remote is not None and not is_near(remote)


def routes(partners: Partners, credentials: Credentials, public_url: str = "") -> list[web.RouteDef]:
    """Return the routes of SeQueRe for the web application of the site."""
    return PartnerRoutes(partners, credentials, public_url).table()


async def _body(request: web.Request) -> bytes:
    """Read a body of at most BODY_BYTES_MAX; raise NotJson, TooLarge without reading on, TimeoutError after BODY_S."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NotJson("body: a Content-Encoding is not taken")
    if request.content_length is not None and request.content_length > BODY_BYTES_MAX:
        raise TooLarge(f"body: more than {BODY_BYTES_MAX} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > BODY_BYTES_MAX:
                    raise TooLarge(f"body: more than {BODY_BYTES_MAX} bytes")
                parts.append(chunk)
    except (web.PayloadAccessError, web.RequestPayloadError) as error:
        raise NotJson("body: broken off, or in pieces that are none") from error
    return b"".join(parts)


def _query(request: web.Request) -> dict[str, Any]:
    """Return the query as the body it stands for; raise NotJson for a doubled key."""
    if len(request.query) != len(frozenset(request.query)):
        raise NotJson("query: doubled key")
    return {
        name: int(text) if name in _INTEGERS and _DIGITS.fullmatch(text) else text
        for name, text in request.query.items()
    }


def _echoed(request: web.Request) -> dict[str, str]:
    given = ((name, request.headers.get(name, "")) for name in _ECHOED)
    return {name: text for name, text in given if _ECHO_FORM.fullmatch(text)}


def _trace(request: web.Request) -> str:
    """Return what the log says of a call besides its outcome, as key=value."""
    given = ((key, request.headers.get(name, "")) for name, key in _LOGGED.items())
    return " ".join(f"{key}={text}" for key, text in given if _ECHO_FORM.fullmatch(text))


def _lasting(value: Any) -> Any:
    """Return a list's data without what changes by itself."""
    match value:
        case dict():
            return {name: _lasting(member) for name, member in value.items() if name != "hold_seconds"}
        case list():
            return [_lasting(member) for member in value]
        case _:
            return value
