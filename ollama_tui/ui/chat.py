"""The chat screen: a title, the transcript, the prompt, the status line; one answer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message as UiMessage
from textual.widgets import Static

from ollama_tui.events import (
    BrokenOff,
    Cause,
    CauseKind,
    Channel,
    Closed,
    Cut,
    Delta,
    Event,
    Failed,
    Finished,
    Phase,
    PhaseChanged,
    Reclassified,
    Stopped,
)
from ollama_tui.receipts import describe
from ollama_tui.request import Message, Request, Think, outgoing
from ollama_tui.text import sanitise
from ollama_tui.ui.prompt import Prompt
from ollama_tui.ui.reading import ReadingScreen
from ollama_tui.ui.transcript import Note

if TYPE_CHECKING:  # loaded after the first paint
    from ollama_tui.answer import Answer
    from ollama_tui.rules import Rule
    from ollama_tui.servers import Server

_KEYS = "enter send · ctrl+j new line · ctrl+o model · ctrl+q quit"
_DRAW_AFTER = 0.05
"""Seconds."""


class ChatScreen(ReadingScreen):
    """One conversation. `server` and `model` may change between two answers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # priority, so that it works wherever the focus is; check_action leaves Esc to others
        Binding("escape", "stop('escape')", "Stop", priority=True, id="chat.stop"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's own declaration
        (0, "-short"),
        (12, "-tall"),
    ]

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's own declaration
        (0, "-narrow"),
        (40, "-wide"),
    ]

    class PickModel(UiMessage):
        """There is no model to send to."""

    def __init__(
        self, *, think: Think = None, rules: Sequence[Rule] = (), system: str | None = None
    ) -> None:
        super().__init__()
        self.server: Server | None = None
        self.model: str | None = None
        self.think = think
        self.rules = rules
        self.system = system
        self.messages: list[Message] = []
        self.answer: Answer | None = None
        """The answer in flight; None as soon as it has ended, though its socket may yet close."""
        self._ended_at = -inf
        self._waiting_for = ""
        self._unclosed: set[Answer] = set()
        self._unfinished: set[int] = set()
        """Entries whose end is still to be drawn."""
        self._thinking_since: float | None = None
        self._thinking_tokens = 0

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield self.transcript
        yield self.find_bar
        yield self.prompt
        yield self.status

    def on_mount(self) -> None:
        self.prompt.focus()
        self._show_who()

    # -- who answers

    def waiting_for(self, what: str) -> None:
        """No server yet: say what is under way, or why there is none."""
        self._waiting_for = what
        self._show_who()

    def use(self, server: Server, model: str | None, system: str | None) -> None:
        """Ask `server` and `model` from now on."""
        self.server, self.model, self._waiting_for = server, model, ""
        self.system = self.system or system
        self._show_who()

    def tell(self, text: str, style: str = "dim") -> None:
        """Put a line of ours into the transcript."""
        entry = self.transcript.add("note", "", "")
        self.transcript.note(entry, [Note(sanitise(text), style)])

    def _show_who(self) -> None:
        title = self.query_one("#title", Static)
        if self.server is None:
            title.update(Content("ollama-tui"))
            self.status.set_idle(self._waiting_for)
            return
        model = sanitise(self.model or "no model")
        title.update(Content(f"{model}  ·  {self.server.title} {self.server.host.shown}"))
        self.status.set_idle(f"○ ready · {_KEYS}")

    # -- sending

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        event.stop()
        text = sanitise(event.text)
        if not text.strip():
            self.status.hint("The prompt is empty.")
        elif self.answer is not None:
            self.status.hint("Still answering: Esc stops it. What you typed stays here.")
        elif self.server is None:
            self.status.hint(f"Nobody to ask yet. {self._waiting_for}")
        elif self.model is None:
            self.status.hint("No model is chosen: pick one.")
            self.post_message(self.PickModel())
        else:
            self.prompt.remember(event.text)
            self.prompt.clear_draft()
            self._send(self.server, self.model, text)

    def on_prompt_hint(self, event: Prompt.Hint) -> None:
        event.stop()
        self.status.hint(event.text)

    # what is typed or pasted while something else has the focus is meant for the prompt

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.prompt.focus()
        self.prompt.paste(event.text)

    def on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character:  # the prompt takes its own before they come here
            event.stop()
            event.prevent_default()
            self.prompt.focus()
            self.prompt.insert(event.character)

    def _send(self, server: Server, model: str, text: str) -> None:
        from ollama_tui.answer import Answer

        self.messages.append(Message("user", text))
        self.transcript.add("user", "you", _clock(), text)
        entry = self.transcript.add("assistant", sanitise(model), _clock(), streaming=True)
        self.answers.append(entry)
        self.transcript.action_scroll_end()
        request = Request(model, outgoing(self.messages, self.system), self.think)
        answer = Answer(server, request, rules=self.rules)
        answer.listen(lambda event: self._on_answer(answer, entry, event))
        self.answer = answer
        self._unclosed.add(answer)
        self._unfinished.add(entry)
        self._thinking_since, self._thinking_tokens = None, 0
        self.status.watch_answer(answer)
        self.refresh_bindings()
        # the worker only waits: the answer's own tasks iterate and close, so that cancelling
        # this one, even twice, can't leak the socket
        self.run_worker(self._follow(answer), group="answer")

    async def _follow(self, answer: Answer) -> None:
        answer.start()
        await answer.wait()

    # -- what happens to the answer

    def _on_answer(self, answer: Answer, entry: int, event: Event) -> None:
        transcript = self.transcript
        match event:
            case Delta(channel, text):
                self._thinking_tokens += channel is Channel.THINKING
                transcript.append(entry, channel, text)
            case PhaseChanged(phase, elapsed):
                self._on_phase(entry, phase, elapsed)
            case Reclassified():
                transcript.reclassify(entry)
            case Cut(channel, length):
                transcript.cut(entry, channel, length)
            case Finished() | Stopped() | BrokenOff() | Failed():
                self._on_end(answer, entry, event)
            case Closed():
                self._unclosed.discard(answer)
                self._show_end(answer, entry)
                self._show_receipt(answer, entry)

    def _on_phase(self, entry: int, phase: Phase, elapsed: float) -> None:
        if phase is Phase.THINKING and self._thinking_since is None:
            self._thinking_since = elapsed
        elif phase is Phase.ANSWERING and self._thinking_since is not None:
            self._fold_thinking(entry, elapsed)
        self.status.refresh_text()

    def _fold_thinking(self, entry: int, elapsed: float) -> None:
        if self._thinking_since is not None:
            seconds = elapsed - self._thinking_since
            self.transcript.thought(entry, seconds, self._thinking_tokens)

    def _on_end(
        self, answer: Answer, entry: int, end: Finished | Stopped | BrokenOff | Failed
    ) -> None:
        """Take note of the end at once: the prompt is ready, and so is the next request."""
        if self.answer is answer:
            self.answer = None
            self._ended_at = monotonic()
        if answer.content or answer.thinking:
            self.messages.append(Message("assistant", answer.content, answer.thinking))
        elif isinstance(end, Failed) and self.messages:
            # it was never answered: back to the prompt with it, unless a new draft is there
            failed = self.messages.pop()
            if not self.prompt.draft:
                self.prompt.draft = failed.content
        self.status.watch_answer(None)
        self.refresh_bindings()
        # drawing takes longer than closing: it waits for `Closed`, but not for one that is late
        self.set_timer(_DRAW_AFTER, lambda: self._show_end(answer, entry))

    def _show_end(self, answer: Answer, entry: int) -> None:
        """Draw the end of `answer`: at its close, and before if that takes long."""
        end, receipt = answer.end, answer.receipt
        if end is None or receipt is None or entry not in self._unfinished:
            return
        self._unfinished.discard(entry)
        if not answer.content:
            self._fold_thinking(entry, answer.elapsed)
        self.transcript.end(entry)
        cause = receipt.cause
        if cause is not None and cause.verdict is not None:
            verdict = cause.verdict
            self.transcript.mark(entry, verdict.channel, verdict.start, verdict.end)
        self._show_receipt(answer, entry)

    def _show_receipt(self, answer: Answer, entry: int) -> None:
        if answer.end is not None and answer.receipt is not None:
            lines = describe(answer.end, answer.receipt)
            self.transcript.note(entry, [Note(line.text, line.style) for line in lines])

    # -- stopping

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop":  # Esc closes the find bar first
            return self.answer is not None and not self.find_bar.is_open
        return super().check_action(action, parameters)

    def action_stop(self, by: str) -> None:
        self.stop(Cause(CauseKind.USER, by))

    def on_status_line_stop_pressed(self) -> None:
        self.stop(Cause(CauseKind.USER, "button"))
        self.prompt.focus()

    @property
    def seconds_since_end(self) -> float:
        """Since the last answer ended, however it did."""
        return monotonic() - self._ended_at

    def stop(self, cause: Cause) -> bool:
        """Stop the answer in flight. False if there is none."""
        return self.answer is not None and self.answer.stop(cause)

    async def stop_and_wait(self, cause: Cause) -> None:
        """Stop, and wait until every connection of this chat is closed."""
        self.stop(cause)
        if self._unclosed:
            await asyncio.gather(*(answer.wait() for answer in tuple(self._unclosed)))


def _clock() -> str:
    return datetime.now().astimezone().strftime("%H:%M")
