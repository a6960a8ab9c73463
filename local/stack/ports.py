"""The stack's ports: read them from the environment, and listen on them."""

from __future__ import annotations

import contextlib
import os
import socket
import urllib.request
from collections.abc import Mapping

HOST = "127.0.0.1"
BACKLOG = 256
API_PORT, LOCAL_PORT = 8000, 8001
NAMES = ("GUZO_PORT", "GUZO_LOCAL_PORT")


class PortError(Exception):
    """A port is taken or is not a port number; the message is one line that says what to do."""


def from_environment(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the ports `GUZO_PORT` and `GUZO_LOCAL_PORT`. Raises PortError."""
    ports = tuple(
        _port(environment, name, default) for name, default in zip(NAMES, (API_PORT, LOCAL_PORT), strict=True)
    )
    if ports[0] == ports[1]:
        raise PortError(f"GUZO_PORT and GUZO_LOCAL_PORT are both {ports[0]}: they must differ.")
    return ports[0], ports[1]


def listen(port: int = 0, *, host: str = HOST, instead: str = "GUZO_PORT and GUZO_LOCAL_PORT") -> socket.socket:
    """Return a socket that listens on a port of this machine, a free one for 0. Raises PortError."""
    # Where a wildcard address may share a port with ours (not on Linux), only a connection tells.
    if port and _answers(port):
        raise PortError(_taken(port, instead))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as refused:
        listener.close()
        raise PortError(_taken(port, instead)) from refused
    return listener


def port_of(listener: socket.socket) -> int:
    """Return the port that a socket listens on."""
    port: int = listener.getsockname()[1]
    return port


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise PortError(f"{name} is a port, a whole number from 1 to 65535.")
    return int(text)


def _answers(port: int) -> bool:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _taken(port: int, instead: str) -> str:
    who = "Guzo runs there already" if _is_guzo(port) else "another program uses it"
    return f"Port {port} is taken: {who}. Stop it, or choose other ports with {instead}."


def _is_guzo(port: int) -> bool:
    for path, sign in (("/v1/config", b"guzo-local"), ("/oidc/jwks.json", b"keys")):
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=1) as answer:
                if sign in answer.read(4096):
                    return True
        except (OSError, ValueError):
            continue
    return False
