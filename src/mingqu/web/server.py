"""A port of this machine, and a site served on it until somebody says stop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

import uvicorn
from litestar import Litestar

from mingqu.domain.refusal import Refusal

HOST: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.2
# A request under way gets so long to end when the server is told to stop.
_LEAVE_SECONDS_MAX: Final = 5


class PortTaken(Refusal):
    """Something else listens on this port, or this account may not use it."""

    code: ClassVar[str] = "port_taken"
    status: ClassVar[int] = 503


@contextmanager
def listen(*, port: int) -> Iterator[socket.socket]:
    """Take a port of this machine before anything else is begun. Errors: PortTaken."""
    # The protocol is named: asyncio turns Nagle's delay off only for sockets that say they are TCP, and a page whose
    # head and body are two packets would wait 40 ms for the other side's acknowledgement.
    with socket.socket(proto=socket.IPPROTO_TCP) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port whose last owner just ended is free
        try:
            door.bind((HOST, port))
            door.listen()
        except OSError as error:
            raise PortTaken(f"Port {port} cannot be had ({error.strerror}): give another one with --port.") from None
        yield door


def address_of(door: socket.socket) -> str:
    """Return where an open door is reached on this machine."""
    return f"http://{HOST}:{door.getsockname()[1]}"


@contextmanager
def serving(site: Litestar, *, door: socket.socket) -> Iterator[str]:
    """Serve a site on an open door in a thread of its own; its address. It ends with the block."""
    server = uvicorn.Server(
        uvicorn.Config(
            site,
            log_level="warning",
            access_log=False,
            server_header=False,
            # Whoever ends TLS does so on this machine and says for whom it asks; nobody else is believed.
            proxy_headers=True,
            forwarded_allow_ips=HOST,
            date_header=True,
            timeout_graceful_shutdown=_LEAVE_SECONDS_MAX,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, name="http", daemon=True)
    thread.start()
    try:
        yield address_of(door)
    finally:
        server.should_exit = True
        thread.join()


def wait_until(stop: threading.Event) -> None:
    """Wait, in steps short enough for a signal to come through."""
    while not stop.wait(_POLL_SECONDS):
        pass
