"""Run the benchmarks that are named (all, if none is) and print their tables.

Each module has `run() -> dict` and, where it has budgets, `missed(figures) -> list[str]`.
The figures are written to benchmarks/results/figures.json; a missed budget makes the status 1.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import benchmarks

RESULTS = Path(__file__).with_name("results")


def main(names: list[str]) -> int:
    known = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name[0] != "_"]
    if unknown := set(names) - set(known):
        print(f"no such benchmark: {', '.join(unknown)}. There are: {', '.join(known)}.")
        return 2
    figures, missed = {}, []
    for name in names or known:
        module = importlib.import_module(f"benchmarks.{name}")
        if not hasattr(module, "run"):
            continue
        print(f"\n== {name}", flush=True)
        figures[name] = module.run()
        missed += getattr(module, "missed", lambda _: [])(figures[name])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "figures.json").write_text(json.dumps(figures, indent=1))
    for sentence in missed:
        print(f"MISSED: {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
