"""A hand-made language model that says exact text through the real engine.

One layer whose attention and feed-forward parts are all zero, so that a token's embedding goes
straight to the output: token *t* always leads to *next(t)*. Every token *u* has a code of random
signs; the embedding of *t* is the code of *next(t)*, the output row of *u* is the code of *u*. The
codes are nearly orthogonal, so the right token wins by a wide margin at any usual temperature.

Because a token has only one successor, every position of every text needs a token of its own, and
the engine wants all tokens' strings distinct: `_Cutter` cuts the texts into pieces that are. It
cuts between bytes, not characters, as real tokenizers do with rare scripts and emoji.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import gguf
import numpy as np

WIDTH: Final = 256
"""Length of a code, and the model's hidden size."""

LOGIT: Final = 40.0
"""The right token's logit; the second best has less than half of it."""

CONTEXT: Final = 1 << 20
"""So that the engine's own context size is the only limit."""

END: Final = "<|end|>"


def make(
    path: Path,
    scenarios: Mapping[str, str | bytes],
    endless: Mapping[str, str | bytes] | None = None,
    *,
    piece: int = 4,
    reasoning: bool = False,
) -> Path:
    """Write the model to `path` and return it.

    Args:
        scenarios: what is said, by the word in the last user message that asks for it. The first
            is said where no word is found.
        endless: what is said over and over after that (until the context is full). A name that is
            not in `scenarios` starts with the loop at once.
        piece: bytes per token, at the least.
        reasoning: the template knows <think>...</think>, so that the engine sends what stands
            between them as `reasoning_content`; else the tags come raw in the content.
    """
    chains = _Chains(piece)
    endless = endless or {}
    names = [*scenarios, *(name for name in endless if name not in scenarios)]
    for name in names:
        chains.add(name, _bytes(scenarios.get(name, "")), _bytes(endless.get(name, "")))

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("hand-made")
    writer.add_block_count(1)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(32)
    writer.add_head_count(8)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(chains.strings)
    writer.add_token_types(chains.types)
    writer.add_token_merges([f"{_SPACE} {_SPACE}"])
    writer.add_eos_token_id(chains.end)
    writer.add_add_bos_token(False)
    writer.add_chat_template(_template(names, reasoning=reasoning))
    _add_tensors(writer, chains.next)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _gpt2_alphabet() -> list[str]:
    """The character that stands for each byte in a gpt2 vocabulary: itself if it is visible."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(hidden)) for byte in range(256)]


_ALPHABET: Final = _gpt2_alphabet()
_SPACE: Final = _ALPHABET[0x20]


class _Chains:
    """The vocabulary: strings, types, and which token follows which."""

    def __init__(self, piece: int) -> None:
        normal, control = int(gguf.TokenType.NORMAL), int(gguf.TokenType.CONTROL)
        # The engine's tokenizer needs all bytes and at least one merge, to read the prompt.
        self.strings = [*_ALPHABET, _SPACE * 2, END]
        self.types = [normal] * 257 + [control]
        self.end = 257
        self.next = [self.end] * 258
        self._cutter = _Cutter(piece, {*(bytes([byte]) for byte in range(256)), b"  "})

    def add(self, name: str, text: bytes, loop: bytes) -> None:
        """Append one scenario: its start token, a token per piece, and back or to the end."""
        last = self._append(_start(name), gguf.TokenType.CONTROL)
        for part in self._cutter.cut(text):
            last = self._follow(last, part)
        if loop:
            first, *rest = self._cutter.cut(loop)
            entry = last = self._follow(last, first)
            for part in rest:
                last = self._follow(last, part)
            self.next[last] = entry

    def _follow(self, last: int, part: bytes) -> int:
        token = self._append("".join(_ALPHABET[byte] for byte in part), gguf.TokenType.NORMAL)
        self.next[last] = token
        return token

    def _append(self, string: str, kind: gguf.TokenType) -> int:
        self.strings.append(string)
        self.types.append(int(kind))
        self.next.append(self.end)
        return len(self.strings) - 1


class _Cutter:
    """Cuts texts into pieces of which no two are equal, over all texts, as short as possible."""

    def __init__(self, piece: int, used: set[bytes]) -> None:
        self._piece = piece
        self._used = used

    def cut(self, text: bytes) -> list[bytes]:
        parts: list[bytes] = []
        at, shortest = 0, self._piece
        while at < len(text):
            for end in range(min(at + shortest, len(text)), len(text) + 1):
                if end - at >= min(shortest, len(text) - at) and text[at:end] not in self._used:
                    break
            else:
                # The rest is taken: make the piece before it longer.
                if not parts:
                    raise ValueError(f"all ways to cut {text!r} are taken: change the text")
                back = parts.pop()
                self._used.discard(back)
                at -= len(back)
                shortest = len(back) + 1
                continue
            parts.append(text[at:end])
            self._used.add(text[at:end])
            at, shortest = end, self._piece
        return parts


def _start(name: str) -> str:
    return f"<|start:{name}|>"


def _template(names: list[str], *, reasoning: bool) -> str:
    """All messages in plain text, then the start token of the scenario that is asked for."""
    said = "{{- message['role'] + ': ' + message['content'] + '\\n' -}}"
    if reasoning:
        said = (
            "{{- message['role'] + ': ' -}}"
            "{%- if message['reasoning_content'] -%}"
            "{{- '<think>' + message['reasoning_content'] + '</think>' -}}"
            "{%- endif -%}"
            "{{- message['content'] + '\\n' -}}"
        )
    tests = "".join(
        f"{{%- {'if' if index == 0 else 'elif'} '{name}' in words -%}}{{{{- '{_start(name)}' -}}}}"
        for index, name in enumerate(names)
    )
    return (
        f"{{%- for message in messages -%}}{said}{{%- endfor -%}}"
        "{%- if add_generation_prompt -%}"
        "{%- set words = messages[-1]['content'].split() -%}"
        f"{tests}{{%- else -%}}{{{{- '{_start(names[0])}' -}}}}{{%- endif -%}}"
        "{%- endif -%}"
    )


def _add_tensors(writer: gguf.GGUFWriter, successors: list[int]) -> None:
    random = np.random.default_rng(1)
    codes = random.choice(np.array([-1.0, 1.0], dtype=np.float16), (len(successors), WIDTH))
    one, half = np.ones(WIDTH, dtype=np.float32), np.float16
    writer.add_tensor("token_embd.weight", codes[successors])
    writer.add_tensor("output.weight", codes * half(LOGIT / WIDTH))
    writer.add_tensor("output_norm.weight", one)
    writer.add_tensor("blk.0.attn_norm.weight", one)
    writer.add_tensor("blk.0.ffn_norm.weight", one)
    head = WIDTH // 8
    for name, shape in {
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (head, WIDTH),
        "attn_v": (head, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_gate": (32, WIDTH),
        "ffn_up": (32, WIDTH),
        "ffn_down": (WIDTH, 32),
    }.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, dtype=half))
