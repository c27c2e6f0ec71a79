"""Tells systemd how the agent is: ready, alive, stopping (sd_notify(3)). Does nothing without a notify socket."""

import os
import socket


def managed() -> bool:
    """Return whether systemd runs us: then it is told how we are, and starts us again when we end."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(message: str) -> None:
    """Send a state such as READY=1 or WATCHDOG=1; a lost message is not worth failing for."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.send(message.encode())
        except OSError:
            return
