"""Who may use the service: the user who started it, and whoever has the token of its home folder.

A loopback address keeps out other machines, not other users of this one. On Linux the system knows the user at the
other end of a loopback connection, and programs of the same user need nothing. Everywhere else, and for programs in
containers or behind a proxy, a request has to carry the token: as password of the address,
``http://aletheia:TOKEN@127.0.0.1:8766``, which the stock MLRun client sends as basic authentication, or when the
browser asks for it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import socket
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from aletheia.tracking.constants import HOST

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

USER = "aletheia"
FILE = "token"
OPEN_PATHS = frozenset({"/api/v1/healthz"})  # says only that a service runs here
TRUSTED = "aletheia.trusted"  # key of a request's scope: whether its sender may use the service
RECOGNISED = "aletheia.recognised"  # and whether it may without the token
_ESTABLISHED = "01"
_MAX_NOTED = 1000  # connections


def make_token(home: Path) -> str:
    """Return the token of a home folder; make one, readable for its owner only, if there is none."""
    path = home / FILE
    if not path.exists():
        # The stock client sends the password of an address only if it looks like a session of Iguazio's: it has to be
        # longer than 20 characters and hold a hyphen (`mlrun.platforms.iguazio.is_iguazio_session`).
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(str(uuid.UUID(bytes=secrets.token_bytes(16))))
    return path.read_text("ascii").strip()


def with_token(url: str, home: Path) -> str:
    """Return the address of a service with the token of its home folder, as far as this user can read it."""
    try:
        token = (home / FILE).read_text("ascii").strip()
    except OSError:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{USER}:{token}@{rest}"


def without_token(url: str) -> str:
    """Return an address without user and password, to be shown."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def basic_authorization(url: str) -> str | None:
    """Return the value of the header ``Authorization`` for an address with user and password; None without them."""
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    return f"Basic {base64.b64encode(user.encode()).decode()}" if at else None


def peer_uid(host: str, port: int, server_port: int) -> int | None:
    """Find the user whose socket is at the client's end of a loopback connection; None when the system does not say.

    Parameters
    ----------
    host, port
        IPv4 address and TCP port of the client.
    server_port
        Of the service, on `HOST`.
    """
    try:
        local, remote = _hex_address(host, port), _hex_address(HOST, server_port)
    except OSError:
        return None
    # A client may use an IPv6 socket for the same connection; its addresses end with the IPv4 ones.
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), Path(table).open(encoding="ascii") as lines:
            for line in lines:
                if local in line and remote in line:
                    fields = line.split()
                    # Others (TIME_WAIT, above all) are shown as root's, whoever closed them.
                    if fields[1].endswith(local) and fields[2].endswith(remote) and fields[3] == _ESTABLISHED:
                        return int(fields[7])
    return None


def _hex_address(host: str, port: int) -> str:
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"


class OwnerOnly:
    """Middleware that refuses requests of other users without the token.

    Parameters
    ----------
    app
        The application.
    token
        Of the home folder.
    server_port
        Port that clients connect to.
    """

    def __init__(self, app: ASGIApp, token: str, server_port: int) -> None:
        self.app, self._token, self._port = app, token, server_port
        self._recognised: dict[tuple[str, int], tuple[str, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to such a request, and pass others on."""
        if scope["type"] == "http":
            scope[RECOGNISED] = self._recognises(scope)
            scope[TRUSTED] = scope[RECOGNISED] or self._has_token(scope)
            if not scope[TRUSTED] and scope["path"] not in OPEN_PATHS:
                from aletheia.tracking.web import error  # with FastAPI, which clients of a service do not need

                answer = error(
                    401,
                    "This tracking service belongs to another user of this machine, or cannot tell that you are its "
                    f"user. Its user finds the token in the file {FILE!r} of ALETHEIA_HOME, and names the service as "
                    f"MLRUN_DBPATH=http://{USER}:TOKEN@{HOST}:{self._port}.",
                )
                answer.headers["www-authenticate"] = 'Basic realm="aletheia tracking"'
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _recognises(self, scope: Scope) -> bool:
        client: tuple[str, int] | None = scope.get("client")
        if client is None:
            return False
        # The search takes milliseconds. The server makes one tuple a connection and passes it with each request of it;
        # a later connection from the same port has an equal tuple, which is another object.
        if self._recognised.get(client) is client:
            return True
        if peer_uid(*client, self._port) != os.getuid():
            return False
        if len(self._recognised) >= _MAX_NOTED:
            self._recognised.clear()
        self._recognised[client] = client
        return True

    def _has_token(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"authorization":
                kind, _, content = value.strip().partition(b" ")
                if kind.lower() == b"basic":
                    try:
                        content = base64.b64decode(content, validate=True).partition(b":")[2]
                    except binascii.Error:
                        return False
                return secrets.compare_digest(content.strip(), self._token.encode())
        return False
