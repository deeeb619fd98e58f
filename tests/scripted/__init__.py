"""A server that does what a script says, in Ollama's and in OpenAI's words.

Everything that a test needs: `ScriptedServer` (in the test's event loop), `ThreadedScriptedServer`
(in a thread, for tests without a loop of their own), `refused_url` (nothing listens there), and
the steps that scenarios are made of. From a shell: `python -m tests.scripted --help`.
"""

from .records import Connection, Exchange
from .scenarios import NAMES, named
from .server import ScriptedServer
from .steps import (
    Cut,
    Done,
    ErrorLine,
    ErrorStatus,
    Garbage,
    Hang,
    LateHeaders,
    NotHttp,
    Reset,
    Say,
    Scenario,
    SilentEnd,
    Stall,
    Step,
    ThinkSay,
)
from .threaded import ThreadedScriptedServer
from .traces import Trace, replay, trace
from .wire import refused_url

__all__ = [
    "NAMES",
    "Connection",
    "Cut",
    "Done",
    "ErrorLine",
    "ErrorStatus",
    "Exchange",
    "Garbage",
    "Hang",
    "LateHeaders",
    "NotHttp",
    "Reset",
    "Say",
    "Scenario",
    "ScriptedServer",
    "SilentEnd",
    "Stall",
    "Step",
    "ThinkSay",
    "ThreadedScriptedServer",
    "Trace",
    "named",
    "refused_url",
    "replay",
    "trace",
]
