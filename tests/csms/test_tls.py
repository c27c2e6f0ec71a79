"""wss:// to a CSMS: with a certificate that this machine trusts, and never with another."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from csms_fixtures import eventually
from websockets import Subprotocol
from websockets.asyncio.server import ServerConnection, serve

from agent.csms.back_off import BackOff
from agent.csms.connection import Connection, Endpoint
from agent.kernel.outside import Outside
from drivers.twin.clock import ManualClock


class Listener:
    """Somebody who only wants to be connected."""

    def __init__(self) -> None:
        self.up = False

    def password(self) -> bytes | None:
        return b"secret-password"

    def ping_interval_s(self) -> int:
        return 0

    async def opened(self) -> None:
        self.up = True

    async def received(self, text: str) -> None:
        raise AssertionError(text)

    async def closed(self) -> None:
        self.up = False


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody but itself has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("TLS: no openssl (apt install openssl)")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


@pytest.fixture
async def port(certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    async def stay(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(stay, "127.0.0.1", 0, ssl=context, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        yield next(iter(server.sockets)).getsockname()[1]


def connection(endpoint: Endpoint, listener: Listener) -> Connection:
    return Connection(
        endpoint=endpoint,
        peer=listener,
        clock=ManualClock(),
        chance=lambda: 0.0,
        back_off=BackOff(random_range_s=0),
        outside=Outside(),
    )


async def test_certificate_that_this_machine_trusts_is_enough(
    port: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    listener = Listener()
    one = connection(Endpoint(url=f"wss://127.0.0.1:{port}/ocpp", identity="NORD-1"), listener)
    living = asyncio.ensure_future(one.run())
    await eventually(lambda: listener.up, "the connection")
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)


async def test_certificate_of_a_stranger_is_refused_and_the_agent_goes_on(port: int) -> None:
    listener = Listener()
    one = connection(Endpoint(url=f"wss://127.0.0.1:{port}/ocpp", identity="NORD-1"), listener)
    living = asyncio.ensure_future(one.run())
    await eventually(lambda: bool(one.last_error), "the refusal")
    assert "certificate verify failed" in one.last_error
    assert not listener.up
    assert not living.done()
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)


def test_plain_text_has_no_context_and_wss_always_one() -> None:
    assert Endpoint(url="ws://csms.example/ocpp", identity="A").security is None
    secured = Endpoint(url="WSS://csms.example/ocpp", identity="A").security
    assert secured is not None
    assert secured.verify_mode is ssl.CERT_REQUIRED
    assert secured.check_hostname
    assert secured.minimum_version >= ssl.TLSVersion.TLSv1_2
