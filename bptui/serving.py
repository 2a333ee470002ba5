"""`bptui serve`: bptui in a browser. textual-serve starts one process for each page that is opened, and carries its
screen and its keys; who may open one is decided here.

A page of any other site could open a websocket to this machine, or have its own name lead here, and type into bptui:
so a request must come from a page of this server, under a name of this machine. Needs the extra `serve`.
"""

from __future__ import annotations

import asyncio
import copy
import errno
import ipaddress
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from bptui.model.base.errors import UserError

ENDS = 3.0
"""Seconds that open pages have for a clean end."""
LOCAL = "127.0.0.1"
NAMES = frozenset({"localhost", LOCAL, "::1"})
"""How a browser on this machine calls it."""
POLICY = "default-src 'self' 'unsafe-inline' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
"""What the page may load: nothing from elsewhere."""


class Pages(Server):  # type: ignore[misc]  # textual-serve is an extra
    """The server of one command line of bptui.

    visits  the pages that are open, each the task of its websocket
    """

    def __init__(self, words: Sequence[str], host: str, port: int) -> None:
        line = [sys.executable, "-m", "bptui", *words]
        command = subprocess.list2cmdline(line) if sys.platform == "win32" else shlex.join(line)
        title = " ".join(["bptui", *words])
        super().__init__(command, host, port, title=title, templates_path=Path(__file__).parent / "page")
        self.visits: set[asyncio.Task[Any]] = set()

    async def run(self, say: Callable[[str], None]) -> int:
        """Serve until a signal ends it; its exit code. OSError where the port is not to be had."""
        logging.basicConfig(level=logging.ERROR, format="bptui: %(message)s")
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: _set(ended, 0 if number == signal.SIGINT else 128 + number))
        runner = web.AppRunner(await self._make_app(), shutdown_timeout=ENDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.host, self.port).start()
            host, port = runner.addresses[0][:2]
            warned = "" if is_local(self.host) else "whoever reaches it reads and writes files as you; "
            say(f"bptui: http://{f'[{host}]' if ':' in host else host}:{port}/ ({warned}ctrl+c ends it)")
            return await ended
        finally:
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        made = await super()._make_app()
        made.middlewares.append(self._admitted)
        return made

    @web.middleware  # type: ignore[untyped-decorator]
    async def _admitted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Only what a page of this server asks, under a name of this machine."""
        if not admitted(self.host, request.host, request.headers.get("Origin")):
            raise web.HTTPForbidden(text="this page of bptui is for the machine that it runs on\n")
        answer = await handler(request)
        if not answer.prepared:
            answer.headers["Content-Security-Policy"] = POLICY
        return answer

    async def handle_index(self, request: web.Request) -> Any:
        """The page, with the addresses under which the browser has found it."""
        found = copy.copy(self)
        found.public_url = f"{request.scheme}://{request.host}"
        return await Server.handle_index(found, request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A page, until it is closed or the server ends."""
        visit = asyncio.current_task()
        assert visit is not None
        self.visits.add(visit)
        try:
            return await super().handle_websocket(request)
        finally:
            self.visits.discard(visit)

    async def on_startup(self, app: web.Application) -> None:
        """Nothing is printed but the address."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Each page ends its bptui as its own `q` would."""
        for visit in self.visits:
            visit.cancel()
        if self.visits:
            await asyncio.wait(self.visits, timeout=ENDS)


def _set(ended: asyncio.Future[int], code: int) -> None:
    """From a signal's handler, which may come at any time."""

    def end() -> None:
        if not ended.done():
            ended.set_result(code)

    with suppress(RuntimeError):  # the loop is closed: it has ended
        ended.get_loop().call_soon_threadsafe(end)


def admitted(bound: str, host: str, origin: str | None) -> bool:
    """May a request come in: to a server `bound` to an address, that asks for `host`, from a page of `origin`?"""
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return not is_local(bound) or _name(host) in NAMES | {bound}


def is_local(host: str) -> bool:
    """Is it an address of this machine alone?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def serve(words: Sequence[str], host: str, port: int, say: Callable[[str], None]) -> int:
    """Serve `bptui WORDS` at a host and port; the exit code. UserError where they are not to be had."""
    try:
        return asyncio.run(Pages(words, host, port).run(say))
    except OSError as error:
        what = str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        taken = error.errno == errno.EADDRINUSE
        right = "another --port; 0 takes one that is free" if taken else f"--host {LOCAL}, for this machine alone"
        raise UserError(f"{host}:{port}", what.lower()[:200], right) from None
