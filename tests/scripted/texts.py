"""What the ready-made scenarios say."""

PROSE = """\
The sea was calm that morning, and the boats lay still in the harbour. Mara carried her nets
down to the quay and looked for the old man who had promised to teach her the channel. He was
late, as he always was, but the tide was later, so nobody minded. When he came he brought two
oars, a loaf of bread and a map that he had drawn himself, with every rock in its place. They
rowed past the lighthouse without a word, and only when the last house had gone behind the
headland did he begin to speak about the wind. """

THOUGHTS = """\
The user wants a story. I should think about the setting first: a harbour would do. Then who is
in it, and what they want. Let me keep the sentences short, and end with something that stays
open. Is there anything in the question that I have missed? I don't think so. """

CJK = (
    "海はその朝静かで、船は港に眠っていた。今日天气很好，我们去海边吧。"
    "바다는 조용했다。👩‍👩‍👧‍👦 🇳🇴 é"
)

MARKDOWN = """\
# Sorting, in short

A list is *sorted* when every element is **not smaller** than the one before it. See
[the article](https://example.org/sorting) or `sorted.__doc__`.

| algorithm | best | average | worst | memory | stable | remarks |
|---|---|---|---|---|---|---|
| insertion sort | O(n) | O(n²) | O(n²) | O(1) | yes | good for short or nearly sorted input |
| merge sort | O(n log n) | O(n log n) | O(n log n) | O(n) | yes | predictable |
| quicksort | O(n log n) | O(n log n) | O(n²) | O(log n) | no | fast with good pivots |

1. Take the first element.
   - Compare it with the next.
   - Swap them if they stand wrong.
2. Go on until nothing moves.

```python
def insertion_sort(items: list[int]) -> list[int]:
    for i in range(1, len(items)):
        j = i
        while j and items[j - 1] > items[j]:
            items[j - 1], items[j] = items[j], items[j - 1]
            j -= 1
    return items
```

> A quote that is long enough to be wrapped on any terminal that people use in earnest, and then \
some more of it.

---

That is all: ~~nothing~~ everything that you need. $E = mc^2$
"""
