"""What comes in over a connection: counted, timed, and made safe to split into lines."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import httpx

_HEAD = 16384
_TAIL = 4096

_LINE_ENDS_IN_STRINGS = re.compile(
    # what str.splitlines takes for the end of a line and JSON allows (or half allows) in a string:
    # VT, FF, FS, GS, RS; NEL; the line and the paragraph separator
    rb"[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]"
)
_FIRST_BYTES = (b"\xe2\x80", b"\xc2", b"\xe2")


class Wire:
    """Counts the bytes of a response, remembers when the last one came and the newest few.

    httpx's `aiter_lines` splits where `str.splitlines` does, so a model that says U+0085 breaks
    a line of JSON in two. In JSON lines such characters are written as JSON escapes instead.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.last_byte_at: float | None = None
        """Of `time.monotonic`; None before the first byte."""
        self._head = b""
        self._tail = b""

    @property
    def last_line(self) -> str:
        """The newest non-empty line that came (at most 4 KiB of it), for error messages."""
        return self._tail.rstrip().rpartition(b"\n")[2].decode("utf-8", "replace")

    @property
    def body(self) -> str:
        """The first 16 KiB of the body, for error messages."""
        return self._head.decode("utf-8", "replace")

    def attach(self, response: httpx.Response, *, escape_line_ends: bool) -> None:
        """Put this wire between the response and its socket."""
        import httpx

        class Stream(httpx.AsyncByteStream):
            """Iterator and stream in one, so that closing it can't leave a generator behind."""

            def __init__(self, wire: Wire, inner: httpx.AsyncByteStream) -> None:
                self._wire = wire
                self._inner = inner
                self._chunks: Any = None
                self._held = b""

            def __aiter__(self) -> AsyncIterator[bytes]:
                self._chunks = self._inner.__aiter__()
                return cast("AsyncIterator[bytes]", self)

            async def __anext__(self) -> bytes:
                try:
                    chunk: bytes = await self._chunks.__anext__()
                except StopAsyncIteration:
                    if self._held:
                        held, self._held = self._held, b""
                        return held
                    raise
                self._wire.count(chunk)
                if not escape_line_ends:
                    return chunk
                chunk, self._held = escape(self._held + chunk)
                return chunk

            async def aclose(self) -> None:
                await self._inner.aclose()

        response.stream = Stream(self, cast("httpx.AsyncByteStream", response.stream))

    def count(self, chunk: bytes) -> None:
        """Take note of `chunk`."""
        self.bytes += len(chunk)
        self.last_byte_at = time.monotonic()
        if len(self._head) < _HEAD:
            self._head += chunk[: _HEAD - len(self._head)]
        self._tail = (self._tail + chunk)[-_TAIL:] if len(chunk) < _TAIL else chunk[-_TAIL:]


def escape(chunk: bytes) -> tuple[bytes, bytes]:
    """Return `chunk` with those line ends as JSON escapes, and the bytes to hold back.

    Held back are bytes at the end that may be the first of such a character (at most two).
    """
    held = next((first for first in _FIRST_BYTES if chunk.endswith(first)), b"")
    if held:
        chunk = chunk[: -len(held)]
    return _LINE_ENDS_IN_STRINGS.sub(_as_escape, chunk), held


def _as_escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())
