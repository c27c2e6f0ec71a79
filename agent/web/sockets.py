"""The door before the gate: how many sockets, how many of one address, and how long a header may take.

Touches transports. aiohttp closes neither a silent connection nor one with half a header (measured, see
`threats-and-faults.md` 3.1), so each connection has a deadline of its own here, and too many are cut off at once.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from agent.web.peers import parse_ip

SOCKETS_MAX = 256
SOCKETS_OF_ADDRESS_MAX = 32
SOCKETS_KEPT = 8  # for programs and people on this machine: console and health answer in a flood
HEAD_S = 10.0  # to the end of the header, and how long a kept-alive connection may be silent


class Sockets:
    """Counts the open connections, and finds the one of a request; `head_s` is the time a header has."""

    def __init__(self, head_s: float = HEAD_S) -> None:
        self.head_s = head_s
        self._open: dict[asyncio.BaseTransport, Connection] = {}
        self._of_address: Counter[str] = Counter()
        self.turned_away = 0

    def __len__(self) -> int:
        return len(self._open)

    def factory(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """Return the protocol factory for a listening socket in front of an aiohttp server."""
        return lambda: Connection(self, server())

    def admit(self, connection: "Connection", transport: asyncio.BaseTransport) -> str | None:
        """Count a connection and return its address, or None when there are too many."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        ip = parse_ip(address)
        local = ip is not None and ip.is_loopback
        limit = SOCKETS_MAX if local else SOCKETS_MAX - SOCKETS_KEPT
        # A reverse proxy on this machine speaks for many: it counts them itself, and requests are limited anyway.
        crowd = not local and self._of_address[address] >= SOCKETS_OF_ADDRESS_MAX and not self._make_room(address)
        if len(self._open) >= limit or crowd:
            self.turned_away += 1
            return None
        self._open[transport] = connection
        self._of_address[address] += 1
        return address

    def answered(self, connection: "Connection", transport: asyncio.BaseTransport) -> None:
        """Note that a connection is idle from now on; those idle longest come first."""
        if self._open.pop(transport, None) is not None:
            self._open[transport] = connection
        connection.idle = True
        connection.expect()

    def _make_room(self, address: str) -> bool:
        """Cut the connection of an address that is idle longest; return whether there was one.

        Hundreds of phones share an address, and each browser keeps a connection it does not need any more.
        """
        for transport, connection in self._open.items():
            if connection.idle and connection.address == address:
                self.leave(transport, address)
                connection.cut()
                return True
        return False

    def leave(self, transport: asyncio.BaseTransport, address: str) -> None:
        """Forget a connection."""
        if self._open.pop(transport, None) is not None:
            self._of_address[address] -= 1
            if self._of_address[address] <= 0:
                del self._of_address[address]

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Stop the header's clock of a connection while one of its requests is worked on."""
        transport = request.transport
        connection = self._open.get(transport) if transport is not None else None
        if connection is None or transport is None:
            return await handler(request)
        connection.rest()
        try:
            return await handler(request)
        finally:
            self.answered(connection, transport)


class Connection(asyncio.Protocol):
    """One connection: an aiohttp request handler with a deadline for headers in front of it."""

    def __init__(self, sockets: Sockets, inner: asyncio.Protocol) -> None:
        self.idle = False  # kept alive: all its requests are answered, and no other has begun
        self._sockets = sockets
        self._inner = inner
        self._transport: asyncio.BaseTransport | None = None
        self._address: str | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a connection in, or cut it off."""
        self._address = self._sockets.admit(self, transport)
        self._transport = transport
        if self._address is None:
            self.cut()
            return
        self._inner.connection_made(transport)
        self.expect()

    @property
    def address(self) -> str | None:
        """Whose it is; None for one that was not let in."""
        return self._address

    def expect(self) -> None:
        """Give the next header its time."""
        self.rest()
        if self._transport is not None and not self._transport.is_closing():
            self._deadline = asyncio.get_running_loop().call_later(self._sockets.head_s, self.cut)

    def rest(self) -> None:
        """Stop the clock."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        self.idle = False
        if self._address is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on that no more will come."""
        return self._inner.eof_received() if self._address is not None else None

    def pause_writing(self) -> None:
        """Pass on that the other side is slow."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the other side takes more."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.rest()
        if self._address is not None and self._transport is not None:
            self._sockets.leave(self._transport, self._address)
            self._inner.connection_lost(exc)

    def cut(self) -> None:
        """Cut the connection off."""
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()
