"""Who may open a page of `bptui serve`, what ends it, and what the browser's terminal is told."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyte
import pytest

from bptui.cli import main

from .rig import serving

aiohttp = pytest.importorskip("aiohttp", reason="the extra `serve` is not installed")
pytest.importorskip("textual_serve", reason="the extra `serve` is not installed")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals")


class Visit:
    """A page without a browser: what textual-serve sends to its xterm.js, read with pyte."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.screen = socket, pyte.Screen(100, 30)
        self._stream, self.data = pyte.ByteStream(self.screen), b""

    @property
    def text(self) -> str:
        """What stands there."""
        return "\n".join(self.screen.display)

    async def until(self, mark: str) -> str:
        """Read on until `mark` stands there."""
        async with asyncio.timeout(20):
            while mark not in self.text:
                message = await self.socket.receive()
                assert message.type == aiohttp.WSMsgType.BINARY, (message, self.text)
                self.data += message.data
                self._stream.feed(message.data.replace(b"\x1b[?2026$p", b""))
        return self.text

    async def ended(self) -> None:
        """Read on until the server closes it."""
        async with asyncio.timeout(20):
            while not self.socket.closed:
                await self.socket.receive()

    async def type(self, keys: str) -> None:
        """As the page sends keys."""
        await self.socket.send_json(["stdin", keys])


@asynccontextmanager
async def visit(url: str, **headers: str) -> AsyncIterator[Visit]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}ws?width=100&height=30", headers=headers) as socket,
    ):
        yield Visit(socket)


@pytest.mark.parametrize(
    ("bound", "host", "origin", "yes"),
    [
        ("127.0.0.1", "127.0.0.1:8000", None, True),
        ("127.0.0.1", "localhost:9", "http://localhost:9", True),
        ("::1", "[::1]:8000", "http://[::1]:8000", True),
        ("127.0.0.1", "127.0.0.1:8000", "https://elsewhere.example", False),
        ("127.0.0.1", "127.0.0.1:8000", "http://127.0.0.1:8001", False),
        ("127.0.0.1", "127.0.0.1:8000", "null", False),
        ("127.0.0.1", "rebound.example:8000", "http://rebound.example:8000", False),
        ("127.0.0.1", "", None, False),
        ("0.0.0.0", "class.example:8000", "http://class.example:8000", True),
        ("0.0.0.0", "class.example:8000", "http://elsewhere.example", False),
    ],
)
def test_a_request_comes_from_a_page_of_this_server(bound: str, host: str, origin: str | None, yes: bool) -> None:
    from bptui.serving import admitted

    assert admitted(bound, host, origin) is yes


def test_which_addresses_are_this_machine_alone() -> None:
    from bptui.serving import is_local

    assert all(map(is_local, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_local, ("0.0.0.0", "::", "192.168.0.2", "example.org", "")))


@POSIX
async def test_two_pages_strangers_and_a_clean_end() -> None:
    async with serving("run", "xor", "--no-save") as (url, process):
        for headers in ({"Origin": "http://elsewhere.example"}, {"Host": "elsewhere.example"}):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with visit(url, **headers):
                    pass
        async with visit(url) as one, visit(url) as other:
            await one.until("forward 1/")
            await other.until("forward 1/")
            await one.type("\x1b[?1;2c\x1b]11;rgb:1212/1616/1b1b\x07s")  # an answer is no key
            assert "xor" in await one.until("forward 2/")
            assert "forward 1/" in other.text
            assert one.data.rindex(b"\x1b[?1003l") > one.data.rindex(b"\x1b[?1003h")  # the mouse is the browser's
            for size in ({"width": 10**9, "height": 10**9}, {"width": -1, "height": 0}, {"width": 90, "height": 24}):
                await one.socket.send_json(["resize", size])
            await one.socket.send_json(["resize", {"width": "wide", "height": None}])
            await one.type("s")
            await one.until("forward 3/")
            await one.type("q")
            await one.ended()
            process.send_signal(signal.SIGINT)
            await other.ended()
        out, error = await process.communicate()
        assert (process.returncode, out, error) == (0, b"", b"")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("trace xor", "trace: has no screen to serve"),
        ("xor", "(bptui serve run xor)"),
        ("run nosuch", "nosuch: neither an example nor a file"),
        ("run xor --batch", "--batch: is nothing for a browser"),
        ("run xor --theme pink", "--theme: found 'pink'"),
        ("learn 44", "there is no lesson 44"),
        ("learn 4 --list", "--list: is nothing for a browser"),
        ("explore nothing", "nothing"),
        ("--port 70000", "--port: found 70000 (1 to 65535"),
        ("--host 192.0.2.1 --port 0", "192.0.2.1:0: cannot assign requested address (--host 127.0.0.1"),
    ],
)
def test_what_is_wrong_is_said_before_a_page_is_opened(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *words.split()]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"bptui: error: 127.0.0.1:{port}: address already in use (another --port; 0 takes one that is free)\n"
    )


def test_without_the_extra_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import bptui.serving  # so that there is something to forget, whatever ran before

    monkeypatch.delattr(bptui, "serving")
    monkeypatch.delitem(sys.modules, "bptui.serving")
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    assert main(["serve"]) == 2
    assert "pip install 'bptui[serve]'" in capsys.readouterr().err
