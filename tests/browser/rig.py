"""A headless Chromium, driven over its DevTools protocol, and `bptui serve` beside it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FOUND = """
Object.defineProperty(Object.prototype, "websocket_url", {set(url) {
  window.shown = this;
  Object.defineProperty(this, "websocket_url", {value: url, writable: true});
}});
"""
"""textual-serve keeps its xterm.js to itself; this takes hold of it as its page is made."""
READ = """
(() => {
  const terminal = window.shown && window.shown.terminal;
  if (!document.body) return [];
  if (!terminal || document.body.classList.contains("-closed")) return [document.body.innerText];
  const buffer = terminal.buffer.active;
  return Array.from({length: terminal.rows}, (_, y) =>
    buffer.getLine(buffer.viewportY + y).translateToString(true, 0, terminal.cols));
})()
"""
KEYS = {"enter": ("Enter", 13, "\r"), "escape": ("Escape", 27, ""), "down": ("ArrowDown", 40, ""),
        "right": ("ArrowRight", 39, ""), "tab": ("Tab", 9, ""), "pagedown": ("PageDown", 34, "")}  # fmt: skip
"""Names of keys as they are pressed: DevTools' name, its number, its text."""


class Page:
    """A page of the browser: what stands in its terminal, and keys."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._numbers = socket, count(1)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of DevTools; its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = json.loads((await self._socket.receive()).data)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def evaluate(self, script: str) -> Any:
        """The value of a script."""
        made = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return made["result"].get("value")

    async def open(self, url: str, width: int = 1000, height: int = 640) -> None:
        """Go to an address, in a window of so many pixels."""
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=FOUND)
        await self.resize(width, height)
        await self.call("Page.navigate", url=url)

    async def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def rows(self) -> list[str]:
        """What stands in the terminal of the page, or on the page itself where that has ended."""
        found: list[str] | None = await self.evaluate(READ)
        return found or []  # none while the page is on its way

    async def until(self, mark: str, seconds: float = 20.0) -> str:
        """Wait until `mark` (a regular expression) stands there; all that does."""
        text = ""
        for _ in range(int(seconds / 0.02)):
            text = "\n".join(await self.rows())
            if re.search(mark, text):
                return text
            await asyncio.sleep(0.02)
        raise AssertionError(f"{mark!r} never stood on the page:\n{text}")

    async def press(self, *keys: str) -> None:
        """Press keys by name, or type text."""
        for key in keys:
            if key not in KEYS:
                for letter in key:
                    await self.call("Input.dispatchKeyEvent", type="char", text=letter)
                continue
            name, number, text = KEYS[key]
            told = {"key": name, "code": name, "windowsVirtualKeyCode": number}
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    async def picture(self, path: Path) -> None:
        """What the window shows, as PNG."""
        made = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(made["data"]))


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """A page of a Chromium of its own, which keeps what it keeps in `folder`."""
    import aiohttp

    assert CHROMIUM is not None
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
               "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={folder}"]  # fmt: skip
    process = await asyncio.create_subprocess_exec(CHROMIUM, *options, "about:blank", stdout=DEVNULL, stderr=PIPE)
    try:
        address = await _line(process.stderr, r"DevTools listening on ws://([^/]+)/")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{address}/json/list") as answer:
                pages = [target for target in await answer.json() if target["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                await page.call("Page.enable")
                yield page
    finally:
        await _end(process)


@asynccontextmanager
async def serving(*words: str, env: dict[str, str] | None = None) -> AsyncIterator[tuple[str, Process]]:
    """`bptui serve` with these words, at a free port: its address, and the process."""
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    environment |= {"BPTUI_CONFIG": "", "BPTUI_STATE": "", "TERM": "dumb"} | (env or {})  # a service has no terminal
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bptui", "serve", "--port", "0", *words, stdout=PIPE, stderr=PIPE, env=environment
    )
    try:
        yield await _line(process.stdout, r"bptui: (http://\S+) \(ctrl\+c ends it\)"), process
    finally:
        await _end(process)


async def _line(stream: asyncio.StreamReader | None, wanted: str) -> str:
    """What the first line that looks like this says."""
    assert stream is not None
    async with asyncio.timeout(30):
        seen = b""
        while line := await stream.readline():
            seen += line
            if found := re.search(wanted, line.decode()):
                return found[1]
    raise AssertionError(f"ended without {wanted!r}: {seen.decode()}")


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
