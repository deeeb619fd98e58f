"""The errors of this program, each with the server, the model and what to do next.

OllamaTuiError
 +- SettingsError
 +- EngineError               the built-in engine or its model file
 +- ServerError
     +- Unreachable          nothing answers there
     +- ModelNotFound        404
     +- NotSupported         400: this model has no thinking, tools, images ...
     +- BadRequest           any other 4xx
     +- NotAllowed           401, 402, 403
     +- Busy                 429, 503
     +- ServerFailed         500, 502, ..., an error line in mid-stream, a runner that died
     +- ConnectionLost       reset or cut in mid-answer
     +- NotThisProtocol      what came is not what such a server sends
"""

from __future__ import annotations


class OllamaTuiError(Exception):
    """Base of all errors that a user may see. `str()` is one clear sentence or two."""


class SettingsError(OllamaTuiError):
    """An option or a settings file can't be used: says what, where, and what to do."""


class EngineError(OllamaTuiError):
    """The built-in engine can't be had: something is missing, broken, or it ended."""

    def __init__(self, what: str, *, hint: str = "", log: str = "") -> None:
        self.what = what
        self.hint = hint
        """What to do next."""
        self.log = log
        """The last lines that the engine wrote, where it did."""
        super().__init__(f"{what} {hint}" if hint else what)


class ServerError(OllamaTuiError):
    """Something between us and the server, or in it, went wrong."""

    def __init__(
        self,
        what: str,
        *,
        server: str,
        model: str = "",
        hint: str = "",
        status: int | None = None,
    ) -> None:
        self.what = what
        """What happened, in the server's own words where it had some."""
        self.server = server
        """Its address, without user info."""
        self.model = model
        self.hint = hint
        """What to do next."""
        self.status = status
        """The HTTP status, where there was one."""
        super().__init__(what)

    def __str__(self) -> str:
        where = f"{self.server}, {self.model}" if self.model else self.server
        sentence = f"{self.what.rstrip('.')} ({where})."
        return f"{sentence} {self.hint}" if self.hint else sentence


class Unreachable(ServerError):
    pass


class ModelNotFound(ServerError):
    pass


class NotSupported(ServerError):
    pass


class BadRequest(ServerError):
    pass


class NotAllowed(ServerError):
    pass


class Busy(ServerError):
    pass


class ServerFailed(ServerError):
    pass


class ConnectionLost(ServerError):
    pass


class NotThisProtocol(ServerError):
    pass
