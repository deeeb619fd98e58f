"""All the rules of one answer, asked about every piece of text before it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ollama_tui.events import Channel, Verdict
from ollama_tui.rules.detector import CountingDetector, Detector, Hit
from ollama_tui.rules.openings import MustStart, MustStartWith
from ollama_tui.rules.rule import Rule

MATCHED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of one piece of text."""

    passed: int
    """How many of its characters may be shown; all, if no rule stops."""
    verdict: Verdict | None = None
    """The stopping verdict at the earliest character; of several there, the first rule's."""
    marks: tuple[Verdict, ...] = ()
    """Verdicts of rules that warn or are shadowed, up to where it stops."""


class _Text:
    """A channel's text so far, joined only when somebody asks for it."""

    __slots__ = ("_pieces", "length", "tokens")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.length = 0
        self.tokens = 0

    def add(self, text: str, tokens: int = 0) -> None:
        self._pieces.append(text)
        self.length += len(text)
        self.tokens += tokens

    def get(self) -> str:
        text = "".join(self._pieces)
        self._pieces = [text]
        return text


@dataclass(slots=True)
class _Seat:
    """A rule at work on one answer."""

    rule: Rule
    detectors: dict[Channel, Detector]
    """For a rule that reads raw content there is one, under `Channel.CONTENT`."""
    spent: bool = False
    """It has fired; a rule fires once per answer."""


class Watcher:
    """Asks the rules that are on and in scope. After a stopping verdict it passes nothing more.

    Per delta of the server: `feed_raw` once with the sanitised, unsplit fields, then `feed` for
    each piece of split text that came of it. Who has no raw text may leave `feed_raw` out; then
    rules on raw content see nothing, and each `feed` counts as one token.
    """

    def __init__(self, rules: Sequence[Rule], model: str = "", chat: str = "") -> None:
        self._model, self._chat = model, chat
        self._texts = {channel: _Text() for channel in Channel}
        self._raw = _Text()
        self._thinking_field = False
        self._new_tokens: int | None = None
        """Deltas that no split text has come of yet; None if `feed_raw` isn't used."""
        self._seats: list[_Seat] = []
        self._due: list[tuple[_Seat, Hit]] = []
        """Findings in reclassified text, to be reported with the next piece."""
        self.finished = False
        self.replace(rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules at work, in their order."""
        return tuple(seat.rule for seat in self._seats)

    def feed_raw(self, content: str, thinking_field: str) -> Ruling:
        """Read one delta as it came; the ruling is about `content`."""
        if self.finished:
            return Ruling(0)
        self._new_tokens = (self._new_tokens or 0) + 1
        seats = [seat for seat in self._seats if seat.rule.parameters.raw and not seat.spent]
        if thinking_field and not self._thinking_field:
            self._thinking_field = True
            for seat in seats:
                self._excuse(seat)
        before = self._raw.length
        self._raw.add(content)
        if not content or not seats:
            return Ruling(len(content))
        hits = [(seat, seat.detectors[Channel.CONTENT].feed(content)) for seat in seats]
        return self._rule(Channel.CONTENT, hits, before, len(content), self._raw)

    def feed(self, channel: Channel, text: str, now: float | None = None) -> Ruling:
        """Read split text of one channel, which came at `now` (seconds of any one clock)."""
        if self.finished:
            return Ruling(0)
        verdict, due = self._take_due()
        if verdict is not None:
            return Ruling(0, verdict, due)
        tokens = self._take_tokens()
        said = self._texts[channel]
        before = said.length
        said.add(text, tokens)
        hits: list[tuple[_Seat, Hit | None]] = []
        for seat in self._seats:
            if seat.spent or seat.rule.parameters.raw or channel not in seat.detectors:
                continue
            hit = _feed(seat.detectors[channel], text, tokens, now)
            if hit is not None:
                hits.append((seat, hit))
        if not hits:
            return Ruling(len(text), None, due)
        ruling = self._rule(channel, hits, before, len(text), said)
        return replace(ruling, marks=due + ruling.marks) if due else ruling

    def end(self) -> Ruling:
        """The answer ended normally: what only the end decides."""
        if self.finished:
            return Ruling(0)
        due_verdict, due = self._take_due()
        if due_verdict is not None:
            return Ruling(0, due_verdict, due)
        marks = list(due)
        for seat in self._seats:
            if seat.spent:
                continue
            found = ((channel, d.end()) for channel, d in seat.detectors.items())
            channel, hit = next(((c, h) for c, h in found if h), (Channel.CONTENT, None))
            if hit is None:
                continue
            text = self._raw if seat.rule.parameters.raw else self._texts[channel]
            seat.spent = True
            verdict = _verdict(seat.rule, channel, hit, text)
            if seat.rule.stops:
                self.finished = True
                return Ruling(0, verdict, tuple(marks))
            marks.append(verdict)
        return Ruling(0, None, tuple(marks))

    def reclassify(self) -> None:
        """All content so far was thinking: it is read as such, and the content begins anew.

        What a rule on thinking finds in it is reported with the next piece of text.
        """
        content = self._texts[Channel.CONTENT]
        self._texts[Channel.CONTENT] = _Text()
        text = content.get()
        self._texts[Channel.THINKING].add(text, content.tokens)
        for seat in self._seats:
            if seat.spent or seat.rule.parameters.raw:
                continue
            fresh = seat.rule.parameters.detectors(seat.rule.channels)
            thinking = self._texts[Channel.THINKING]
            if Channel.THINKING in fresh and thinking.length:
                hit = _feed(fresh[Channel.THINKING], thinking.get(), thinking.tokens, None)
                if hit is not None:
                    self._due.append((seat, hit))
            seat.detectors = fresh

    def replace(self, rules: Iterable[Rule]) -> None:
        """Exchange the rules, also in mid-answer.

        A rule that stays unchanged keeps its state. A new one reads the text so far first. What
        lay wholly in that text does not fire any more (a word said before, a wrong beginning);
        what still holds fires with the next character (a loop, a length, broken JSON).
        """
        seated = {seat.rule: seat for seat in self._seats}
        self._seats = []
        for rule in rules:
            if rule.applies_to(self._model, self._chat):
                self._seats.append(seated.get(rule) or self._seat(rule))

    def _seat(self, rule: Rule) -> _Seat:
        seat = _Seat(rule, rule.parameters.detectors(rule.channels))
        if rule.parameters.raw:
            seat.detectors = {Channel.CONTENT: rule.parameters.detector()}
            if self._thinking_field:
                self._excuse(seat)
            seat.detectors[Channel.CONTENT].feed(self._raw.get())
            return seat
        for channel, detector in seat.detectors.items():
            text = self._texts[channel]
            if text.length:
                _feed(detector, text.get(), text.tokens, None)
        return seat

    @staticmethod
    def _excuse(seat: _Seat) -> None:
        detector, parameters = seat.detectors[Channel.CONTENT], seat.rule.parameters
        counts = isinstance(parameters, MustStartWith) and parameters.thinking_field_counts
        if counts and isinstance(detector, MustStart):
            detector.excuse()

    def _take_tokens(self) -> int:
        if self._new_tokens is None:
            return 1
        tokens, self._new_tokens = self._new_tokens, 0
        return tokens

    def _take_due(self) -> tuple[Verdict | None, tuple[Verdict, ...]]:
        marks: list[Verdict] = []
        due, self._due = self._due, []
        for seat, hit in due:
            seat.spent = True
            verdict = _verdict(seat.rule, Channel.THINKING, hit, self._texts[Channel.THINKING])
            if seat.rule.stops:
                self.finished = True
                return verdict, tuple(marks)
            marks.append(verdict)
        return None, tuple(marks)

    def _rule(
        self,
        channel: Channel,
        found: Iterable[tuple[_Seat, Hit | None]],
        before: int,
        length: int,
        said: _Text,
    ) -> Ruling:
        hits = [(seat, hit) for seat, hit in found if hit is not None]
        stopping = [(seat, hit) for seat, hit in hits if seat.rule.stops]
        stop = min(stopping, key=lambda pair: pair[1].at, default=None)  # ties: the first rule
        verdict, passed = None, length
        if stop is not None:
            seat, hit = stop
            verdict = _verdict(seat.rule, channel, hit, said)
            shown = hit.at if hit.show is None else hit.show
            passed = min(max(shown - before, 0), length)
            self.finished = True
        marks: list[Verdict] = []
        for seat, hit in sorted(hits, key=lambda pair: pair[1].at):
            seat.spent = True
            if not seat.rule.stops and (stop is None or hit.at <= stop[1].at):
                marks.append(_verdict(seat.rule, channel, hit, said))
        return Ruling(passed, verdict, tuple(marks))


def _feed(detector: Detector, text: str, tokens: int, now: float | None) -> Hit | None:
    if isinstance(detector, CountingDetector):
        return detector.feed_delta(text, tokens, now)
    return detector.feed(text)


def _verdict(rule: Rule, channel: Channel, hit: Hit, said: _Text) -> Verdict:
    matched = said.get()[hit.start : hit.end]
    if len(matched) > MATCHED_CHARACTERS:
        matched = matched[: MATCHED_CHARACTERS - 1] + "…"
    return Verdict(
        rule=rule.name,
        version=rule.version,
        kind=rule.kind,
        action=rule.action,
        channel=channel,
        start=hit.start,
        end=hit.end,
        at=hit.at,
        matched=matched,
        reason=hit.reason,
    )
