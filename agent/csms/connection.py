"""The WebSocket to the CSMS: connects, keeps connected, hands text frames over. Knows nothing of what they say.

Touches one outgoing socket. Never compresses, never follows a redirect, never falls back to another address or to
plain text, never logs credentials. Follows OCPP-J 1.6 section 3 and the security whitepaper, profiles 0 to 2; with wss://
the certificates that this machine trusts decide, unless the caller gives a TLS context.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI, SecurityError, WebSocketException

from agent.csms.back_off import BackOff
from agent.kernel.outside import Outside
from agent.ocpp.frames import FRAME_BYTES_MAX
from drivers.ports import Clock

log = logging.getLogger("stationmaster.csms")

OPEN_TIMEOUT_S = 30.0  # TCP, TLS and handshake over a slow mobile link
CLOSE_TIMEOUT_S = 5.0
FRAMES_WAITING_MAX = 16  # frames read ahead of us; beyond it TCP holds the peer back


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to connect, and as whom."""

    url: str
    identity: str
    subprotocol: str = "ocpp1.6"
    tls: ssl.SSLContext | None = field(default=None, repr=False)  # for wss:// alone; None: as the machine trusts

    @property
    def address(self) -> str:
        """The URL with the identity as its last part (OCPP-J 1.6, 3.1.1)."""
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    @property
    def security(self) -> ssl.SSLContext | None:
        """What secures a wss:// connection: TLS 1.2 or newer, and the certificates that this machine trusts."""
        if not self.url.lower().startswith("wss:"):
            return None
        return self.tls if self.tls is not None else ssl.create_default_context()


class Peer(Protocol):
    """Who uses the connection."""

    def password(self) -> bytes | None:
        """Return the password for HTTP Basic, or None for security profile 0."""

    def ping_interval_s(self) -> int:
        """Return the seconds between pings; 0 for none."""

    async def opened(self) -> None:
        """The connection is up."""

    async def received(self, text: str) -> None:
        """A text frame came in."""

    async def closed(self) -> None:
        """The connection is gone."""


class _Connect(connect):
    """A redirect is a failure: it could lead the password to somebody else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the error itself, which ends the attempt."""
        return exc


class Connection:
    """One connection that is made again whenever it is lost."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        peer: Peer,
        clock: Clock,
        chance: Callable[[], float],
        back_off: BackOff,
        outside: Outside,
    ) -> None:
        self._endpoint = endpoint
        self._peer = peer
        self._clock = clock
        self._chance = chance
        self._back_off = back_off
        self._outside = outside
        outside.on_cut(self._drop)
        self._socket: ClientConnection | None = None
        self.last_error = ""  # for the console: why there is no connection
        self.trying = False  # whether a connection is being made right now

    async def run(self) -> None:
        """Connect, serve, wait, connect again, until cancelled."""
        while True:
            self.trying = True
            try:
                await self._serve()
            except (OSError, WebSocketException, TimeoutError) as error:
                self.last_error = _reason(error)
                log.warning("csms=down error=%r failures=%d", self.last_error, self._back_off.failures)
            self.trying = False
            wait_s = self._back_off.wait_s(self._chance())
            self._back_off = self._back_off.failed()
            await self._clock.until(self._clock.monotonic() + wait_s)

    async def send(self, text: str) -> None:
        """Send a frame. One that finds the connection lost is lost with it: the loss is told by `Peer.closed`."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(text)

    async def restart(self) -> None:
        """Close the connection, so that it is made anew with what holds then."""
        if self._socket is not None:
            await self._socket.close(code=1000, reason="new credentials")

    def _drop(self) -> None:
        """End the connection as a cut line does: without a closing handshake."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _serve(self) -> None:
        self._outside.check()
        ping_s = self._peer.ping_interval_s() or None
        async with _Connect(
            self._endpoint.address,
            ssl=self._endpoint.security,
            subprotocols=[Subprotocol(self._endpoint.subprotocol)],
            compression=None,
            additional_headers=self._headers(),
            user_agent_header="stationmaster",
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=ping_s,
            ping_timeout=ping_s,
            max_size=FRAME_BYTES_MAX,
            max_queue=FRAMES_WAITING_MAX,
        ) as socket:
            if socket.subprotocol != self._endpoint.subprotocol:  # OCPP-J 1.6, 3.2: no agreement on a version
                raise InvalidHandshake(f"the CSMS does not speak {self._endpoint.subprotocol}")
            self._outside.check()  # it may have been cut during the handshake
            self._socket = socket
            self.last_error = ""
            log.info("csms=up identity=%r", self._endpoint.identity)
            try:
                await self._peer.opened()
                self.trying = False
                await self._listen(socket)
            finally:
                self._socket = None
                await asyncio.shield(self._peer.closed())
        log.info("csms=down code=%s", socket.close_code)
        self.last_error = f"closed with code {socket.close_code}"

    async def _listen(self, socket: ClientConnection) -> None:
        async for message in socket:
            self._back_off = self._back_off.worked()  # a handshake alone proves nothing: proxies answer it, too
            if isinstance(message, str):
                await self._peer.received(message)
            else:
                log.warning("frame=dropped reason=binary bytes=%d", len(message))

    def _headers(self) -> dict[str, str]:
        password = self._peer.password()
        if password is None:
            return {}
        credentials = base64.b64encode(self._endpoint.identity.encode() + b":" + password).decode()
        return {"Authorization": f"Basic {credentials}"}


def _reason(error: Exception) -> str:
    """Return a text for people; never one that could hold credentials."""
    if isinstance(error, TimeoutError):
        return "no answer in time: check address, firewall and whether the CSMS runs"
    if isinstance(error, InvalidURI | SecurityError):
        return type(error).__name__
    return str(error) or type(error).__name__
