"""The bytes that reach a terminal when a model says the worst that it can."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pyte
import pytest

HOSTILE = (
    "\x1b]52;c;cm0gLXJmIH4=\x07 \x1b]0;owned\x07 \x1b[2J \x9b31m \x1bP1$r\x1b\\ \u202eevil\u202c\n"
    "[link](\x1b]8;;http://x\x07) <http://auto.example> [yr](https://yr.no) [/] [bold]x[/bold]\n"
    "`\x1b[31m` \x00\x07\x7f \ud800 ![i](http://img.example)\n\n```sh\n\x1b[1;1Hrm -rf ~\n```\n"
)

PROGRAM = """
import asyncio, sys
from textual.app import App
from ollama_tui.events import Channel
from ollama_tui.text import Sanitiser
from ollama_tui.ui.transcript import Note, Transcript

class Program(App):
    def compose(self):
        yield Transcript()

    async def on_ready(self):
        self.run_worker(self.say())

    async def say(self):
        transcript = self.query_one(Transcript)
        hostile = ast.literal_eval(sys.argv[1])
        transcript.add("user", "you", "14:02", Sanitiser().feed(hostile))
        message = transcript.add("assistant", "model", "14:02", streaming=True)
        entry = Sanitiser()
        for start in range(0, len(hostile), 3):
            transcript.append(message, Channel.CONTENT, entry.feed(hostile[start:start + 3]))
            await asyncio.sleep(0.002)
        transcript.end(message)
        done = asyncio.Event()
        self.call_after_refresh(done.set)
        await done.wait()
        self.exit()

import ast
Program().run()
"""


def painted(hostile: str) -> bytes:
    """Run the program in a pty and return every byte that the terminal got."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, ascii(hostile)],
        stdin=follower, stdout=follower, stderr=follower, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    data, deadline = b"", time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if select.select([leader], [], [], 0.1)[0]:
                try:
                    data += os.read(leader, 65536)
                except OSError:  # Linux says so when the last writer has gone
                    break
            elif process.poll() is not None:
                break
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert process.returncode == 0, data[-2000:].decode(errors="replace")
    return data


@pytest.mark.pty
def test_nothing_that_a_model_says_steers_the_terminal() -> None:
    data = painted(HOSTILE)
    plain = painted("harmless " * 20)
    sequence = rb"\x1b\][^\x07\x1b]*|\x1b[P^_][^\x1b]*"
    assert set(re.findall(sequence, data)) <= set(re.findall(sequence, plain))
    assert data.count(b"\x07") == plain.count(b"\x07")
    for forbidden in (b"\x1b]52", b"\x1b]8", b"\x1b[1;1Hrm", b"\x00", b"\x7f", b"\xc2\x9b"):
        assert forbidden not in data
    for mark in "\u202e\u202c\u2066":
        assert mark.encode() not in data
    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(data)
    text = "\n".join(screen.display)
    for shown in ("https://yr.no", "[/]", "[bold]x[/bold]", "http://img.example", "rm -rf ~"):
        assert shown in text
