"""Train the zoo from scratch, or put trained agents into it: ``make agents``.

What is trained stands in .ci/agents.toml.  A run that is finished is kept, one that was interrupted goes on, so the
same command can be given again until everything is there.  Of the training seeds the best on validation seeds is
exported to splitgym/zoo, with the command that trains it and its returns on validation and test seeds.

    python .ci/agents.py                           # train and export everything: five minutes a training on two cores
    python .ci/agents.py --list                    # what there is, and how far it is
    python .ci/agents.py --only enachi             # agents whose name matches a regular expression
    python .ci/agents.py --add runs/a runs/b       # export the best of runs that differ in their training seed only
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import statistics
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import splitgym
from splitgym.agents.checkpoint import load_agent
from splitgym.agents.config import RUNTIME, TrainConfig, load_config, resumed
from splitgym.agents.exporting import packed
from splitgym.agents.settings import drawn_words, folder_word
from splitgym.agents.stopped import stopped
from splitgym.agents.validation import read_points, tables_of
from splitgym.agents.zoo import CURVES, FOLDER, RECORD, SUFFIX
from splitgym.files import write_atomically
from splitgym.seeding import FIRST_VALIDATION_SEED
from splitgym.specs import command_line

ROOT = Path(__file__).resolve().parent.parent
PLAN = ROOT / ".ci" / "agents.toml"
RUNS, STORE = ROOT / "runs" / "zoo", ROOT / "results" / "zoo"
#: Split -> first seed and number of episodes.
SPLITS = {"validation": (FIRST_VALIDATION_SEED, 20), "test": (0, 20)}
#: Fields of a configuration whose option of ``splitgym train`` has another name.
_OPTIONS = {"env_id": "env"}
#: Fields that say what is played.
_SETTING = ("scenario", "more_scenarios", "randomise", "observe_context")


@dataclasses.dataclass(frozen=True)
class Row:
    """An agent of the zoo: its name, the configuration of each training seed, and the presets that judge it."""

    name: str
    configs: tuple[TrainConfig, ...]
    presets: tuple[str, ...]

    def run(self, config: TrainConfig) -> Path:
        """The folder of a training."""
        return RUNS / f"{self.name.replace('/', '-')}-s{config.seed}"


def rows_of(plan: Mapping[str, Any]) -> list[Row]:
    """The agents of a plan.  Raises ``ValueError`` for keys that no configuration has, and for two of one name."""
    rows = []
    for entry in plan["agent"]:
        fields = {**plan["all"], **entry}
        seeds, name, presets = fields.pop("seeds"), fields.pop("name", ""), fields.pop("presets", ())
        unknown = set(fields) - {field.name for field in dataclasses.fields(TrainConfig)}
        if unknown:
            raise ValueError(f"{PLAN.name}: agent {entry} has unknown keys {sorted(unknown)}")
        configs = tuple(TrainConfig(**fields, seed=seed) for seed in seeds)
        rows.append(row_of(configs, name, presets))
    names = [row.name for row in rows]
    if len(set(names)) != len(names):
        raise ValueError(f"{PLAN.name} gives two agents one name: {', '.join(names)}")
    return rows


def row_of(configs: tuple[TrainConfig, ...], name: str = "", presets: Sequence[str] = ()) -> Row:
    """An agent by the configurations of its trainings, which differ in the seed only.  Raises ``ValueError`` if not."""
    first = configs[0]
    settings = {dataclasses.replace(config, seed=0).to_json() for config in configs}
    if len(settings) > 1 or len({config.seed for config in configs}) < len(configs):
        raise ValueError("the trainings of an agent must differ in their seed, and in nothing else")
    own = folder_word(first)
    world = "" if first.world.name == "inference" else f"{first.world.name}/"
    return Row(name or f"{world}{own}", configs, tuple(presets) or tuple(s.name for s in first.scenarios))


# ------------------------------------------------------------------ training
def trained(row: Row, config: TrainConfig) -> Path:
    """The finished run of a configuration, trained as far as it is not.  Raises ``ValueError`` for another's run."""
    out = row.run(config)
    if is_finished(out):
        resumed(load_config(out), {f.name: getattr(config, f.name) for f in dataclasses.fields(config)})
        print(f"  kept: {out.relative_to(ROOT)}", flush=True)
        return out
    begin = time.perf_counter()
    splitgym.train(config, out, resume=(out / "config.json").is_file())
    print(f"  trained {out.relative_to(ROOT)} in {time.perf_counter() - begin:.0f} s", flush=True)
    return out


def is_finished(out: Path) -> bool:
    """Whether a run has come to its end."""
    return (out / "model.zip").is_file() and stopped(out) is None


def command_of(config: TrainConfig) -> str:
    """The command that trains as a configuration says.  Raises ``ValueError`` for what has no option."""
    given = ("algo", "env_id", "scenario", "agents", "steps")  # other defaults depend on these
    plain = TrainConfig(**{name: getattr(config, name) for name in given})
    words: list[Any] = ["train"]
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), field.name
        if name == "scenario":
            words += _played_in(config)
        told = field.default if name in given else getattr(plain, name)
        if value == told or name in (*RUNTIME, *_SETTING):
            continue
        option = "--" + _OPTIONS.get(name, name).replace("_", "-")
        if name == "hyper":
            words += [w for k, v in value.items() if v != told.get(k) for w in (option, f"{k}={v}")]
        elif isinstance(value, dict):
            raise ValueError(f"'splitgym train' has no option for {name}={value}")
        else:
            words += [option, *(value if isinstance(value, (tuple, list)) else [value])]
    return command_line(*words)


def _played_in(config: TrainConfig) -> list[str]:
    """The options for scenarios, ranges and what is seen of them."""
    names = [scenario.name for scenario in config.scenarios]
    words = [word for name in names for word in ("--scenario", name)] if names != ["default"] else []
    return words + drawn_words(config)


# ------------------------------------------------------------------ scores
def returns(agent: Path, config: TrainConfig, preset: str, split: str) -> dict[str, Any]:
    """First seed and return of every episode of an exported agent."""
    first, count = SPLITS[split]
    results = splitgym.evaluate(str(agent), config.env_id, preset, count, first, store=STORE)
    return {"seed": first, "returns": results.figure(results.policies[0], "return").tolist()}


def merit(row: Row, agent: Path) -> float:
    """Share of the way from ``random`` to the bound on validation seeds, mean over the presets."""
    first, count = SPLITS["validation"]
    shares = []
    for preset in row.presets:
        config = row.configs[0]
        results = splitgym.evaluate(
            ["random", str(agent)], config.env_id, preset, count, first, bound=True, store=STORE
        )
        low, reached = (float(results.figure(policy, "return").mean()) for policy in results.policies)
        assert results.bounds is not None
        shares.append((reached - low) / (float(results.bounds.mean()) - low))
    return statistics.fmean(shares)


def put(row: Row, runs: Mapping[int, Path]) -> Path:
    """Export the best of an agent's runs, training seed -> folder, into the zoo; returns the file."""
    drafts = {}
    for seed, run in runs.items():
        drafts[seed] = splitgym.export_agent(run, STORE / f"{row.name.replace('/', '-')}-s{seed}{SUFFIX}")
    merits = {seed: merit(row, draft) for seed, draft in drafts.items()}
    best = max(merits, key=merits.__getitem__)
    agent = load_agent(runs[best])
    config = agent.config
    assert config is not None
    record: dict[str, Any] = {"command": command_of(config), "seeds": {str(s): m for s, m in merits.items()}}
    record[CURVES] = {str(seed): tables_of(points) for seed, run in runs.items() if (points := read_points(run))}
    for split in SPLITS:
        record[split] = {preset: returns(drafts[best], config, preset, split) for preset in row.presets}
    file = FOLDER / f"{row.name}{SUFFIX}"
    write_atomically(file, packed(agent, **{RECORD: record}))
    found = ", ".join(f"{preset} {statistics.fmean(of['returns']):.1f}" for preset, of in record["test"].items())
    print(f"  zoo:{row.name}: training seed {best}; return on test seeds: {found}", flush=True)
    return file


def main() -> None:
    """Train what is asked for, and export it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the agents and train nothing")
    parser.add_argument("--only", default="", metavar="REGEX", help="only agents whose name matches")
    parser.add_argument("--add", nargs="+", type=Path, metavar="RUN", help="export the best of finished runs instead")
    parser.add_argument("--name", default="", help="with --add: what the agent is called, if not as its scenario")
    args = parser.parse_args()
    plan = rows_of(tomllib.loads(PLAN.read_text(encoding="utf-8")))
    if args.add:
        add(args.add, args.name, plan)
        return
    begin = time.perf_counter()
    for row in (row for row in plan if re.search(args.only, row.name)):
        print(f"{row.name}: {command_of(row.configs[0])}", flush=True)
        if args.list:
            done = [config.seed for config in row.configs if is_finished(row.run(config))]
            print(f"  training seeds {[config.seed for config in row.configs]}, finished {done}")
            continue
        put(row, {config.seed: trained(row, config) for config in row.configs})
    if not args.list:
        print(f"done in {(time.perf_counter() - begin) / 60.0:.0f} minutes")


def add(runs: Sequence[Path], name: str, plan: Sequence[Row]) -> None:
    """Export the best of finished runs; an agent of the plan is judged on its presets."""
    if unfinished := [str(run) for run in runs if not is_finished(run)]:
        sys.exit(f"not finished: {', '.join(unfinished)}")
    row = row_of(tuple(load_config(run) for run in runs), name)
    presets = next((planned.presets for planned in plan if planned.name == row.name), row.presets)
    put(dataclasses.replace(row, presets=presets), {c.seed: run for c, run in zip(row.configs, runs, strict=True)})


if __name__ == "__main__":
    main()
