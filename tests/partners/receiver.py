"""A partner's receiver on loopback: keeps what it is sent, answers what the test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from partner_fixtures import House, partner, valid

from agent.config.link_types import Role
from agent.partners.calls import HttpCalls
from agent.partners.partner import Partner
from agent.partners.push import Push

PATIENCE_S = 5.0  # real time: the receiver is a real peer over a real socket


@dataclass(slots=True)
class Receiver:
    """What came, in order; `status` and `answer` are what the next ones get."""

    port: int = 0
    status: int = 200
    answer: bytes = b'{"data":{"result":"ACCEPTED"},"status_code":1000,"timestamp":"2026-11-25T13:00:00Z"}'
    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The receiver URL."""
        return f"http://127.0.0.1:{self.port}/updates"

    async def take(self, request: web.Request) -> web.Response:
        """Keep a message and hold it to its schema."""
        data = await request.read()
        body = json.loads(data)
        valid(f"{body['operation']}Request", body)
        self.bodies.append(body)
        self.raw.append((request.path, request.headers.copy(), data))
        self.arrived.set()
        return web.Response(body=self.answer, status=self.status, headers=self.headers)

    async def until(self, done: Callable[["Receiver"], bool]) -> None:
        """Return when what came is enough."""
        async with asyncio.timeout(PATIENCE_S):
            while not done(self):
                self.arrived.clear()
                await self.arrived.wait()

    async def count(self, number: int) -> None:
        """Return when that many messages have come."""
        await self.until(lambda r: len(r.bodies) >= number)

    async def told(self, operation: str, **parts: Any) -> dict[str, Any]:
        """Return the first message of an operation with these parts, own or its CheckIn's, waiting for it."""

        def matches(body: dict[str, Any]) -> bool:
            whole = {**body, **body.get("check_in", {})}
            return body["operation"] == operation and all(whole.get(k) == v for k, v in parts.items())

        await self.until(lambda r: any(matches(body) for body in r.bodies))
        return next(body for body in self.bodies if matches(body))

    @property
    def operations(self) -> list[str]:
        """The names of what came."""
        return [body["operation"] for body in self.bodies]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{rest:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


def reachable(receiver: Receiver, name: str = "emp", role: Role = Role.EMSP, **changes: Any) -> Partner:
    """A partner whose receiver this is, in the private network of the site."""
    return partner(name, role, receiver_url=receiver.url, hosts=frozenset({"127.0.0.1"}), allow_http=True, **changes)


@asynccontextmanager
async def pushing(made: House, *partners: Partner, **options: Any) -> AsyncIterator[Push]:
    """Run the updates of a site; the spread of tries is none."""
    push = Push(made.parts, partners, HttpCalls(lambda: 1_795_611_600), made.clock, lambda: 0.5, **options)
    task = asyncio.ensure_future(push.run())
    try:
        yield push
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
