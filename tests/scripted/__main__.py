"""`python -m tests.scripted`: the scripted server as a program."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any

from .records import Connection
from .scenarios import NAMES
from .server import ScriptedServer


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.scripted",
        description="Serve scenarios on 127.0.0.1; print one JSON line with the URL.",
        epilog=f"Scenarios: {', '.join(NAMES)}. With arguments: steady:count=50,rate=20.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--scenario", action="append", default=[], help="answers the next chat; may be repeated"
    )
    parser.add_argument(
        "--default", default="steady", help="for chats that name no scenario:NAME themselves"
    )
    parser.add_argument("--model", action="append", help="a model's name; may be repeated")
    parser.add_argument("--reasoning-field", default="reasoning_content")
    parser.add_argument(
        "--log", action="store_true", help="print a JSON line for every opening, request and close"
    )
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = ScriptedServer(
        *options.scenario,
        default=options.default,
        models=options.model,
        reasoning_field=options.reasoning_field,
        port=options.port,
        watcher=_log if options.log else None,
    )
    async with server:
        _print({"url": server.url})
        await stop.wait()


def _log(what: str, connection: Connection) -> None:
    line = {"event": what} | connection.as_json()
    if what == "request":
        newest = connection.exchanges[-1]
        line |= {"method": newest.method, "path": newest.path, "body": newest.body}
    _print(line)


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
