"""What the transcript costs, measured in a real pseudo-terminal.

Each scenario runs in a process of its own whose screen is a pty that this process reads. Times
are CPU times of that process; latencies are from the write of a key here to its handler there.
Run it with `python benchmarks/transcript.py`; `run()` returns the figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tracemalloc
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from typing import Any, cast

SIZE = (120, 40)
BUDGETS: dict[str, tuple[float, str]] = {
    "frame_ms_at_20000": (5.0, "ms of CPU per painted frame at 20,000 tokens"),
    "frame_ratio": (1.3, "times the frame at 200 tokens"),
    "key_ms_p95": (20.0, "ms from key to handler at 100 tokens/s, 20,000 tokens, p95"),
    "flood_ms_per_token": (0.5, "ms of CPU per token in a flood of 20,000 tokens"),
    "flood_key_ms_p95": (50.0, "ms from key to handler during the flood, p95"),
    "open_ms": (100.0, "ms to the first paint of 1,000 messages"),
    "open_mb": (10.0, "MB for 1,000 messages"),
    "resize_ms": (100.0, "ms of CPU for a resize with 1,000 messages"),
}

ANSWER = """For a week in **Norway** in March, pack for *cold*, wet and changing weather. The coast
is milder than the inland, and `wool` keeps you warm even when it is wet; see [the forecast](
https://www.yr.no/en) before you leave.

1. Layers: wool base layer, fleece, a windproof shell
2. Hat, gloves, a buff
   - liner gloves under mittens
3. Boots that were walked in

```python
def weigh(items: list[Item]) -> float:
    total = 0.0
    for item in items:
        total += item.weight  # in kilograms
    return total
```

## Getting around

> Det finnes ikke dårlig vær, bare dårlige klær.

| item  | weight | why       |
|-------|-------:|-----------|
| socks |    0.1 | warm feet |
| shell |    0.4 | wind      |

"""


def tokens(count: int) -> list[str]:
    """Return Markdown cut into `count` pieces of about four characters."""
    text = ANSWER * (count * 4 // len(ANSWER) + 1)
    return [text[n * 4 : n * 4 + 4] for n in range(count)]


# --- in the pseudo-terminal ---------------------------------------------------------------


def child(scenario: str, report: Path) -> None:
    """Run one scenario as the program in the terminal and write what was measured."""
    from textual.app import App, ComposeResult

    from ollama_tui.ui.transcript import Transcript

    class BenchApp(App[None]):
        def __init__(self) -> None:
            super().__init__()
            self.keys: list[float] = []
            self.figures: dict[str, Any] = {}

        def compose(self) -> ComposeResult:
            yield Transcript()

        def on_key(self) -> None:
            self.keys.append(time.monotonic())

        async def on_ready(self) -> None:
            gc.collect()
            gc.freeze()  # as the program does: a full collection would walk all of Textual
            self.run_worker(self._measure())

        async def _measure(self) -> None:
            transcript = self.query_one(Transcript)
            await painted(self)
            await SCENARIOS[scenario](self, transcript)
            self.exit()

    app = BenchApp()
    app.run()
    report.write_text(json.dumps({**app.figures, "keys": app.keys}))


async def painted(app: Any) -> None:
    """Return when what is due has been painted."""
    done = asyncio.Event()
    app.screen.call_after_refresh(done.set)
    await done.wait()


def say(word: str) -> None:
    """Tell the other process, which looks for it in what is painted."""
    os.write(1, f"\x1b]777;{word}\x07".encode())


async def stream(app: Any, transcript: Any, count: int) -> None:
    """CPU per frame at the end of an answer of `count` tokens, and keys meanwhile."""
    from ollama_tui.events import Channel

    message = transcript.add("assistant", "model", "14:02", streaming=True)
    transcript.append(message, Channel.CONTENT, "".join(tokens(count)))
    await asyncio.sleep(1.5)
    assert not transcript._layout.find(message).pending
    await painted(app)
    say("keys")
    frames = 0
    settle = transcript._settle

    def counted(*args: Any) -> None:
        nonlocal frames
        frames += 1
        settle(*args)

    transcript._settle = counted
    begin, cpu = time.monotonic(), time.process_time()
    for number, token in enumerate(tokens(400)):
        transcript.append(message, Channel.CONTENT, token)
        await asyncio.sleep(max(begin + number / 100 - time.monotonic(), 0))
    await painted(app)
    app.figures["frame_ms"] = (time.process_time() - cpu) / frames * 1000
    app.figures["frames"] = frames


async def flood(app: Any, transcript: Any) -> None:
    """20,000 tokens as fast as a socket gives them: a few with each turn of the loop."""
    from ollama_tui.events import Channel

    await asyncio.sleep(1)  # what is imported after the first paint is there
    message = transcript.add("assistant", "model", "14:02", streaming=True)
    await painted(app)
    say("keys")
    cpu = time.process_time()
    for number, token in enumerate(tokens(20_000)):
        transcript.append(message, Channel.CONTENT, token)
        if number % 16 == 0:
            await asyncio.sleep(0.001)
    transcript.end(message)
    await painted(app)
    app.figures["ms_per_token"] = (time.process_time() - cpu) / 20_000 * 1000


def messages(count: int) -> list[Any]:
    from ollama_tui.ui.transcript import MessageData

    data = []
    for number in range(count):
        user = number % 2 == 0
        content = f"Question {number}?" if user else ANSWER
        data.append(MessageData(*(("user", "you") if user else ("assistant", "model")), "14:02",
                                content))  # fmt: skip
    return data


async def opening(app: Any, transcript: Any) -> None:
    data = messages(1000)
    await asyncio.sleep(1)
    begin = time.perf_counter()
    transcript.load(data)
    await painted(app)
    app.figures["ms"] = (time.perf_counter() - begin) * 1000


async def memory(app: Any, transcript: Any) -> None:
    data = messages(1000)
    await asyncio.sleep(1)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    transcript.load(data)
    await painted(app)
    for _ in range(20):  # look at some of them, too
        transcript.action_page_up()
        await painted(app)
        await asyncio.sleep(0.05)
    app.figures["mb"] = (tracemalloc.get_traced_memory()[0] - before) / 1e6


async def resizing(app: Any, transcript: Any) -> None:
    transcript.load(messages(1000))
    await painted(app)
    await asyncio.sleep(0.5)
    costs = []
    for width in (100, 80, 110):
        resized = asyncio.Event()
        layout = transcript._layout
        layout.resize = _setting(type(layout).resize.__get__(layout), resized)
        cpu = time.process_time()
        say(f"resize {width}")
        await resized.wait()
        await painted(app)
        costs.append((time.process_time() - cpu) * 1000)
        await asyncio.sleep(0.3)
    app.figures["ms"] = max(costs)


def _setting(resize: Callable[[int], None], event: asyncio.Event) -> Callable[[int], None]:
    def handle(width: int) -> None:
        resize(width)
        event.set()

    return handle


SCENARIOS: dict[str, Callable[[Any, Any], Any]] = {
    "stream_200": lambda app, transcript: stream(app, transcript, 200),
    "stream_20000": lambda app, transcript: stream(app, transcript, 20_000),
    "flood": flood,
    "open": opening,
    "memory": memory,
    "resize": resizing,
}


# --- outside ------------------------------------------------------------------------------


def terminal(scenario: str, timeout: float = 60.0) -> dict[str, Any]:
    """Run a scenario in a pty; keys are pressed from the word "keys" on.

    Returns:
        What the scenario measured, and "latencies" in milliseconds for each key.
    """
    leader, follower = os.openpty()
    set_size(leader, *SIZE)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, str(Path(__file__)), "--child", scenario, str(report)]
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        process = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(follower)
        try:
            pressed = _attend(leader, process, time.monotonic() + timeout)
        finally:
            process.kill()
            process.wait()
            os.close(leader)
        figures = cast("dict[str, Any]", json.loads(report.read_text()))
    handled = figures.pop("keys")
    figures["latencies"] = [
        (there - here) * 1000 for here, there in zip(pressed, handled, strict=False)
    ]
    return figures


def set_size(terminal: int, columns: int, rows: int) -> None:
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _attend(leader: int, process: subprocess.Popen[bytes], deadline: float) -> list[float]:
    """Read what is painted, press keys and resize as told."""
    pressed: list[float] = []
    next_key = float("inf")
    tail = b""
    dice = random.Random(1)
    while process.poll() is None and time.monotonic() < deadline:
        wait = min(max(next_key - time.monotonic(), 0), 0.05)
        if select.select([leader], [], [], wait)[0]:
            try:
                tail = tail[-64:] + os.read(leader, 65536)
            except OSError:
                break
            if b"]777;keys" in tail:
                next_key = time.monotonic() + 0.1
                tail = b""
            elif b"]777;resize " in tail:
                width = int(tail.split(b"]777;resize ")[1].split(b"\x07")[0])
                set_size(leader, width, SIZE[1])
                os.killpg(process.pid, 28)  # SIGWINCH
                tail = b""
        if time.monotonic() >= next_key:
            pressed.append(time.monotonic())
            os.write(leader, b"x")
            next_key = time.monotonic() + dice.uniform(0.03, 0.09)
    process.wait(timeout=5)
    return pressed


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] if values else float("nan")


def run() -> dict[str, float]:
    """Measure everything that `BUDGETS` names."""
    figures = _measure()
    for name, (budget, words) in BUDGETS.items():
        print(f"{figures[name]:8.2f}  of at most {budget:6.1f}  {words}")
    return figures


def _measure() -> dict[str, float]:
    short, long = terminal("stream_200"), terminal("stream_20000")
    flooded = terminal("flood")
    return {
        "frame_ms_at_200": short["frame_ms"],
        "frame_ms_at_20000": long["frame_ms"],
        "frame_ratio": long["frame_ms"] / short["frame_ms"],
        "key_ms_p95": p95(long["latencies"]),
        "flood_ms_per_token": flooded["ms_per_token"],
        "flood_key_ms_p95": p95(flooded["latencies"]),
        "open_ms": terminal("open")["ms"],
        "open_mb": terminal("memory")["mb"],
        "resize_ms": terminal("resize")["ms"],
    }


def missed(figures: dict[str, float]) -> list[str]:
    """Say which budgets are not kept."""
    return [
        f"{figures[name]:.2f} instead of at most {budget:g} {words}"
        for name, (budget, words) in BUDGETS.items()
        if not figures[name] <= budget
    ]


def main() -> int:
    return 1 if missed(run()) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main())
