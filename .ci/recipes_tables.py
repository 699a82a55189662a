"""What the recipes' runs leave: docs/data/recipes/ and returns.json, and the tables made of them."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ROOT / "docs" / "data" / "recipes"
RETURNS = ROOT / "docs" / "data" / "returns.json"
PAGE = ROOT / "docs" / "libraries.md"
#: Columns of the table.
CAPABILITIES = ("train", "evaluate", "masks", "vector", "multi_agent", "workers")
RECIPES = ROOT / "agents" / "recipes"
#: Key of what the baselines reach, beside the entries of recipes.
BASELINES = "baselines"


def region(option: str) -> re.Pattern[str]:
    """What stands in the page for ``python .ci/recipes.py OPTION``."""
    begin = re.escape(f"<!-- $ python .ci/recipes.py {option} -->\n")
    return re.compile(f"(?<=^{begin}).*?(?=^<!-- end -->$)", re.M | re.S)


def read(path: Path) -> dict[str, Any]:
    """What was kept; empty if nothing was."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def write(path: Path, data: dict[str, Any]) -> None:
    """Keep what was found, so that equal findings make equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def outcomes(known: dict[str, Any]) -> dict[str, Any]:
    """What the last run of each library found, in the order of the list."""
    found = {name: read(OUTCOMES / f"{name}.json") for name in known["library"]}
    return {name: entry for name, entry in found.items() if entry}


def row(cells: list[str]) -> str:
    """A line of a table in Markdown."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def capability_table(known: dict[str, Any]) -> str:
    """Library x capability, and under it why a cell is not "yes"."""
    data = outcomes(known)
    text = row(["library", "version", *(name.replace("_", "-") for name in CAPABILITIES)])
    text += row(["---"] * (2 + len(CAPABILITIES)))
    notes = list[str]()
    for library, entry in data.items():
        package = known["library"][library]["package"]
        cells = [entry["name"], entry["versions"].get(package, "none")]
        for name in CAPABILITIES:
            cell = entry["cells"].get(name, {"outcome": "not run", "words": ""})
            cells.append(cell["outcome"])
            if cell["words"]:
                notes.append(f"{entry['name']}, {name.replace('_', '-')}: {cell['outcome']}: {cell['words']}")
        text += row(cells)
    return text + "\n" + "".join(f"* {note}\n" for note in notes) + "\n" + _versions(known, data)


def _versions(known: dict[str, Any], data: dict[str, Any]) -> str:
    """What each library ran beside."""
    text = row(["library", "ran beside", "runs in"]) + row(["---"] * 3)
    for library, entry in data.items():
        about = known["library"][library]
        beside = (f"{n} {v}" for n, v in entry["versions"].items() if n != about["package"])
        often = "every `.ci/run`" if known["venv"][about["venv"]].get("every_run") else "`make test-recipes`"
        text += row([entry["name"], ", ".join(beside), often])
    return text


def write_page(known: dict[str, Any]) -> None:
    """Put the tables into their page."""
    text = PAGE.read_text(encoding="utf-8")
    for option, table in (("--table", capability_table(known)), ("--returns", returns_table(known))):
        text = region(option).sub(lambda _, table=table: table, text, count=1)  # an empty region would match again
    PAGE.write_text(text, encoding="utf-8")


def returns_table(known: dict[str, Any]) -> str:
    """Mean return over the seeds, steps/s and lines of every recipe that was trained for real."""
    found: dict[str, list[dict[str, Any]]] = {}
    data = read(RETURNS)
    for key, entry in data.items():
        if key == BASELINES or entry["recipe"] not in known["recipe"]:
            continue
        if entry["steps"] >= known["recipe"][entry["recipe"]]["real_steps"]:
            found.setdefault(entry["recipe"], []).append(entry)
    text = row(["recipe", "library", "decisions", "return, each seed", "mean", "steps/s", "lines"])
    text += row(["---", "---", "---:", "---", "---:", "---:", "---:"])
    for name, entries in sorted(found.items(), key=lambda item: -_mean(item[1], "return_mean")):
        library = f"{known['library'][known['recipe'][name]['library']]['name']} {entries[-1]['version']}"
        each = ", ".join(f"{entry['return_mean']:.1f}" for entry in entries)
        rate, mean = _mean(entries, "steps_per_s"), _mean(entries, "return_mean")
        lines = len((RECIPES / f"{name}.py").read_text(encoding="utf-8").splitlines())
        cells = [f"{entries[-1]['steps']:,}", each, f"{mean:.1f}", f"{rate:,.0f}", str(lines)]
        text += row([f"`{name}`", library, *cells])
    for name, value in data.get(BASELINES, {}).items():
        text += row([f"policy `{name}`", "", "0", f"{value:.1f}", f"{value:.1f}", "", ""])
    return text


def _mean(entries: list[dict[str, Any]], key: str) -> float:
    return statistics.fmean(entry[key] for entry in entries)
