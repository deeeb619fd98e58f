"""Every preset with answers it must stop and ordinary ones that it must not."""

from __future__ import annotations

import pytest

from ollama_tui.rules.presets import preset_summaries, presets
from ollama_tui.rules.trial import try_rules

ENGLISH = (
    "The weather in the mountains changes quickly, so take a warm coat, something to eat, and a "
    "map that works without a phone. Tell somebody where you are going and when you will be back. "
)
CHINESE = (
    "山里的天气变化很快,所以请带上保暖的外套,一些食物,以及一张不需要手机的地图,"
    "并告诉别人你要去哪里。"
)
RUSSIAN = "Погода в горах меняется быстро, поэтому возьмите тёплую куртку, еду и карту. "
JAPANESE = "山の天気はすぐに変わりますので、暖かい上着と食べ物を持って行ってください。"
CODE = "```python\nprint('hello')\n```\n"
STUTTER = " ".join(("Done.", "Bye.", "Stop.", "End.", "Over.")[(k * k + k // 3) % 5]
                   for k in range(300))  # fmt: skip


def answer(text: str, thinking: str = "") -> dict[str, str]:
    return {"text": text, "thinking": thinking}


STOPPED = {
    "reasoning first": [answer("Paris."), answer("  <thin air"), answer("")],
    "no endless loop": [answer("It is. " * 60), answer("ok", "Wait. Let me see. " * 40)],
    "no stalling": [answer(STUTTER), answer("ok", STUTTER)],
    "no refusal": [
        answer("I'm sorry, but I can't help with that."),
        answer("I’m sorry, but I can’t assist with this request."),
        answer("\n\nAs an AI language model, I don't have opinions."),
        answer("I cannot provide instructions for that."),
        answer("Unfortunately, I can't do this."),
    ],
    "no language switch": [
        answer(ENGLISH + CHINESE),
        answer(ENGLISH + RUSSIAN),
        answer(CHINESE + RUSSIAN * 2),
        answer(RUSSIAN + CHINESE),
    ],
    "only code": [answer(CODE + "This prints hello."), answer("Here:\n" + CODE + CODE)],
    "only JSON": [
        answer("Sure! Here is the JSON:"),
        answer('{"a": 1} I hope this helps.'),
        answer('{"a": 1,}'),
        answer("{'a': 1}"),
        answer('```json\n{"a": 1}\n```\nI hope this helps.'),
        answer('{"a": [1, 2'),
    ],
    "thinking budget": [answer("ok", "hmm " * 2001)],
}
LEFT_ALONE = {
    "reasoning first": [
        answer("<think>Capital of France</think>Paris."),
        answer("\n<thinking>hm"),
        answer("Paris.", "The user asks for the capital."),
    ],
    "no endless loop": [
        answer("Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, "
               "merrily,\nLife is but a dream.\n\n" * 2),
        answer("```\n" + "QUFB" + "A" * 900 + "==\n```"),
        answer("| a | b |\n|---|---|\n" + "".join(f"| {k} | yes |\n" for k in range(40))),
        answer("```python\n" + "".join(f"assert f({k}) == {k}\nreset()\n" for k in range(30))
               + "```"),
    ],
    "no stalling": [
        answer(ENGLISH * 2),
        answer("".join(f"{k}. Step {k} is done.\n" for k in range(60))),
        answer("```python\n" + "x = f(x)\nprint(x)\n" * 60 + "```"),
    ],
    "no refusal": [
        answer("I'm sorry to hear that you are ill. Rest helps."),
        answer("I can't wait to see it! Here is a plan."),
        answer("Asian cuisine is varied."),
        answer("Sorry for the delay: the answer is 4."),
        answer("To answer: I'm sorry, but I can't."),
    ],
    "no language switch": [
        answer("The word for patience is 耐心 (nàixīn), and the proverb 心急吃不了热豆腐 says the "
               "same: a hurried heart can't eat hot tofu. " + ENGLISH),
        answer(CHINESE * 3),
        answer(JAPANESE * 3),
        answer(CHINESE + "用 Python 的 asyncio 和 httpx 库:" + ENGLISH),
        answer("Let α, β and Σ be angles with α + β = Σ. " * 4),
        answer("1 2 3 " * 50),
    ],
    "only code": [
        answer(CODE.rstrip()), answer("```python\nprint('```')\nx = 1\n"), answer("No code.")
    ],
    "only JSON": [
        answer('{"a": [1, 2.5e3, true, null], "b": "\\u00e9 } ] \\" "}'),
        answer(' \n[{"a": {}}, []]\n'),
        answer('```json\n{"a": 1}\n```\n'),
        answer("-0.5"),
    ],
    "thinking budget": [answer("word " * 5000, "hmm " * 1000)],
}  # fmt: skip


@pytest.mark.parametrize("name", presets())
def test_it_stops_what_it_is_for(name: str) -> None:
    missed = [t for t in STOPPED[name] if not next(try_rules([presets()[name]], [t])).fired]
    assert missed == []


@pytest.mark.parametrize("name", presets())
def test_it_leaves_ordinary_answers_alone(name: str) -> None:
    stopped = [t for t in LEFT_ALONE[name] if next(try_rules([presets()[name]], [t])).fired]
    assert stopped == []


def test_every_preset_says_what_it_does() -> None:
    assert list(preset_summaries()) == list(presets())
    for name in ("reasoning first", "no endless loop", "no refusal", "no language switch",
                 "only code", "only JSON", "thinking budget"):  # fmt: skip
        assert name in presets()
        assert preset_summaries()[name].split()[0] in ("stops", "asks", "ends")
