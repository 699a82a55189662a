"""The leaderboard: every policy and every agent of the zoo, on every preset: ``make leaderboard``.

Nothing is trained.  Every episode is kept in results/leaderboard as soon as it is played, so the same command goes on
where it was interrupted, and ends with the same figures.

    python .ci/leaderboard.py --csv docs/data/leaderboard.csv   # everything: a line for each preset and policy
    python .ci/leaderboard.py --env HardwareSplit-v0            # the tables of an environment as Markdown
    python .ci/leaderboard.py --suite robustness                # a suite on its own test seeds
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

import splitgym
from splitgym.agents.zoo import PREFIX, zoo_document, zoo_names
from splitgym.cli.common import print_tables
from splitgym.evaluation.output import rows_to_csv
from splitgym.evaluation.results import ANCHOR, DECISION
from splitgym.evaluation.upper_bounds import CLAIRVOYANT, OBSERVER, observer_kind
from splitgym.policy import policy_names
from splitgym.show.comparison import shown
from splitgym.show.tables import Table
from splitgym.show.tables import markdown as markdown_of
from splitgym.suites import load_suite
from splitgym.worlds.world import WORLDS, World, world_of

STORE = Path(__file__).resolve().parent.parent / "results" / "leaderboard"
#: Test seeds of every preset: the first, and how many.
FIRST, EPISODES = 0, 20
#: Column of a normalised score (0: ``random``) -> the bound that is its one.
SCORES = {"score": CLAIRVOYANT, "observer_score": OBSERVER}
#: A score and the ends of its interval, in half-widths of the return's.
ENDS = {"": 0.0, "_low": -1.0, "_high": 1.0}
#: Measures that are shown where a world has them.
SHOWN = ("return", "energy", "final_debt", DECISION.name)
Entry = dict[str, Any]


@functools.cache
def trained_steps(policy: str) -> int | None:
    """Decisions that an agent of the zoo was trained on; ``None`` for a policy that learns nothing."""
    return int(zoo_document(policy.removeprefix(PREFIX))["config"]["steps"]) if policy.startswith(PREFIX) else None


def players(world: World, preset: str) -> list[str]:
    """The policies of an environment, and the agents of the zoo that fit a preset."""
    agents = [f"{PREFIX}{name}" for name in zoo_names() if zoo_document(name)["config"]["env_id"] == world.env_id]
    return [*policy_names(world.env_id), *(word for word in agents if fits(word, world.env_id, preset))]


def fits(word: str, env_id: str, preset: str) -> bool:
    """Whether an agent of the zoo can play a preset."""
    agent = splitgym.load_agent(word)
    env = gym.make(env_id, scenario=preset, action=agent.action)
    try:
        agent.check(env)
    except ValueError:  # other actions or observations
        return False
    finally:
        env.close()
    return True


@dataclasses.dataclass
class Standing:
    """What every policy reached on a preset, best return first, and the bounds in words by the columns of scores."""

    world: World
    preset: str
    entries: list[Entry]
    bounds: dict[str, str]


def standing(world: World, preset: str) -> Standing:
    """Play what is missing of a preset; a score without a bound is NaN.

    Scores are of means: a trace of one task, which may be one that nobody can answer, has no score of its own.
    """
    found, bounds = dict[str, Entry](), dict[str, str]()
    for column, bound in SCORES.items():
        if not is_bounded(world, preset, bound):
            for entry in found.values():
                entry |= {column + end: float("nan") for end in ENDS}
            continue
        options: Any = {"bound": bound, "store": STORE}
        results = splitgym.evaluate(players(world, preset), world.env_id, preset, EPISODES, FIRST, **options)
        assert results.bounds is not None
        low, high = float(results.figure(ANCHOR, "return").mean()), float(results.bounds.mean())
        for entry in results.summary():
            mine, half = found.setdefault(entry["policy"], entry), entry["return_interval"]
            for end, halves in ENDS.items():
                reached = entry["return"] + (halves * half if halves else 0.0)  # of one trace there is no interval
                mine[column + end] = (reached - low) / (high - low)
        bounds[column] = f"{results.bound_words}: {results.bounds.mean():.2f}"
    return Standing(world, preset, list(found.values()), bounds)


def is_bounded(world: World, preset: str, bound: str) -> bool:
    """Whether there is such a bound in a preset; that of the clairvoyant there is everywhere."""
    if bound == OBSERVER:
        try:
            observer_kind(world, world.load_scenario(preset))
        except ValueError:  # no proof yet
            return False
    return True


def table_of(found: Standing) -> Table:
    """A preset's table."""
    measures = [m for m in (*found.world.measures, DECISION) if m.name in SHOWN]
    table = Table(caption="\n".join(f"{_words(column)}: 1 is {bound}" for column, bound in found.bounds.items()))
    heads = [f"{m.name.removesuffix('_s').replace('_', ' ')}\n{m.unit}".rstrip() for m in measures]
    for head in ("policy", heads[0], *map(_words, found.bounds), *heads[1:], "trained on\ndecisions"):
        table.add_column(head, justify="left" if head == "policy" else "right")
    for entry in found.entries:
        cells = [shown(entry[m.name], entry[f"{m.name}_interval"], m.unit, m.factor, m.form) for m in measures]
        scores = [_score(entry, column) for column in found.bounds]
        steps = trained_steps(entry["policy"])
        table.add_row(entry["policy"], cells[0], *scores, *cells[1:], "" if steps is None else f"{steps:,}")
    return table


def _words(column: str) -> str:
    return column.replace("_", " ")


def _score(entry: Entry, column: str) -> str:
    value, low, high = (entry[column + end] for end in ("", "_low", "_high"))
    return "-" if value != value else f"{value:.3f} ({low:.3f} to {high:.3f})"


def print_environment(world: World) -> None:
    """The tables of all presets."""
    for preset in world.preset_names():
        print(f"### {preset}\n\n{markdown_of(table_of(standing(world, preset)))}")


def print_suite(name: str) -> None:
    """A table of a suite for each bound, by the agents that can play the scenario on which it lets them be trained."""
    suite = load_suite(name)
    world = world_of(suite.environment)
    names = players(world, suite.train[0].scenario)
    tables = [
        splitgym.evaluate_suite(names, suite, bound=bound, store=STORE).table()
        for bound in SCORES.values()
        if is_bounded(world, suite.train[0].scenario, bound)
    ]
    print_tables(tables, markdown=True)


def rows_of(found: Standing) -> Iterator[Entry]:
    """A line of the CSV file for each policy; figures in SI units, to six digits."""
    figures = ("return", "return_interval", *(column + end for column in SCORES for end in ENDS), *SHOWN[1:])
    for entry in found.entries:
        row = {"environment": found.world.env_id, "scenario": found.preset, "policy": entry["policy"]}
        row |= {"first_seed": FIRST, "episodes": entry["episodes"]}
        row |= {key: _six_digits(entry.get(key)) for key in figures}
        yield {**row, "trained_steps": trained_steps(entry["policy"]) or 0}


def _six_digits(value: float | None) -> float | str:
    return "" if value is None or value != value else float(f"{value:.6g}")


def print_all(csv: str) -> None:
    """Write everything, and print the best policy and agent of each preset beside the environment's example."""
    table, rows = Table(), list[Entry]()
    for head in ("environment", "preset", "example", "best policy", "best agent"):
        table.add_column(head)
    for world in (WORLDS[name] for name in WORLDS):
        for preset in world.preset_names():
            found = standing(world, preset)
            rows += rows_of(found)
            example = [entry for entry in found.entries if entry["policy"] == world.showcase]
            best = ([entry for entry in found.entries if entry["agent"] == agent] for agent in (False, True))
            cells = [_named(of, found.bounds) for of in (example, *best)]
            table.add_row(world.env_id, preset, *cells)
    rows_to_csv(rows, csv)
    print(markdown_of(table), end="")


def _named(entries: list[Entry], columns: Iterable[str]) -> str:
    """Name and scores of the first entry, if there is one."""
    if not entries:
        return "-"
    return " ".join([entries[0]["policy"], *(f"{entries[0][column]:.3f}" for column in columns)])


def main() -> None:
    """Play what is missing, and print or write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--csv", metavar="FILE", help="write everything there, and print the best of each preset")
    what.add_argument("--env", metavar="ID", help="print the tables of an environment")
    what.add_argument("--suite", metavar="NAME", help="print the table of a suite")
    args = parser.parse_args()
    if args.env:
        print_environment(world_of(args.env))
    elif args.suite:
        print_suite(args.suite)
    else:
        print_all(args.csv)


if __name__ == "__main__":
    main()
