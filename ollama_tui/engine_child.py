"""The built-in engine's own process: llama.cpp's HTTP server, and nothing else.

Run as a script, with its settings as JSON in the first argument. It imports nothing of this
package, so that it starts fast and needs no import path. Standard output carries one JSON line,
{"url": ...}, once the server answers; all else goes to standard error. It ends when its standard
input closes, which the operating system sees to even if the parent is killed.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any
from urllib.parse import urlsplit


def main() -> None:
    settings = json.loads(sys.argv[1])
    # The library may print on being imported: from here on, file descriptor 1 is standard error.
    report = os.dup(1)
    os.dup2(2, 1)
    server = start(**settings)
    url: str = server.listening_address
    require_health(url)
    os.write(report, json.dumps({"url": url}).encode() + b"\n")
    os.close(report)
    while os.read(0, 4096):
        pass
    # Not by way of the server's destructor, which waits for the answer in hand.
    os._exit(0)


def start(model: str, name: str, context: int, threads: int) -> Any:
    """Load the model and return the server, which answers from then on.

    The library holds the interpreter's lock until the model is loaded (0.3 s for SmolLM2): the
    end of standard input is noticed after that.
    """
    # Two spinning threads on two busy cores say 3-12 tokens/s, two sleeping ones 15-50. Must be
    # set before the import, when the OpenMP library reads it.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # The batch in hand is finished before a disconnect is seen: with 2048 a stop in the prompt
    # phase takes 24 s, with 64 it takes 0.9 s.
    params.n_batch = 64
    params.n_ubatch = 64
    # of 8 answers to "the capital of France?" by SmolLM2 8 say Paris at 0, 5 at the usual 0.8
    params.sampling.temp = 0.0
    params.warmup = False
    params.fit_params = False  # tries loads to fit a graphics card: half of the starting time
    params.cache_ram_mib = 0  # else it keeps up to 8 GB of earlier prompts
    params.ui = False
    params.endpoint_slots = False  # polling it hides a disconnect from the server for 12-18 s
    params.cors_origins = ""  # web pages have no business here
    params.verbosity = 1  # errors only
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(str(error))


def require_health(url: str) -> None:
    """End the process unless GET /health is answered 200."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        status = connection.makefile("rb").readline()
    if b" 200 " not in status:
        sys.exit(f"{url}/health answered {status!r}")


if __name__ == "__main__":
    main()
