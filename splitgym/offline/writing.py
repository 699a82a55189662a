"""From the parts to a Minari data set: its storage, its environment and its card."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from splitgym.envs.rows import Rows
from splitgym.files import written
from splitgym.named_files import keep_files, named_files
from splitgym.offline.card import card, summary
from splitgym.offline.parts import Parts
from splitgym.offline.plan import Plan
from splitgym.progress import Progress
from splitgym.version import __version__

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec
    from minari.data_collector import EpisodeBuffer

#: Name under which progress is told while the data set is written.
WRITING = "writing"
CARD_FILE = "README.md"


def write(plan: Plan, parts: Parts, made: Path, root: Path, progress: Progress | None) -> None:
    """Fill the folder ``made``, which is going to be ``root``, with the data set of all parts."""
    import minari
    from minari.dataset.minari_storage import MinariStorage

    rows = Rows(plan.world, plan.scenario, plan.action, 1, plan.options)
    storage = MinariStorage.new(
        made / "data",
        observation_space=rows.observation_space(),
        action_space=rows.encoding.space,
        env_spec=env_spec(plan, root),
        data_format="hdf5",
    )
    of_episodes: list[dict[str, Any]] = []
    storage.update_episodes(_buffers(plan, parts, of_episodes, progress))
    storage.update_episode_metadata(of_episodes)
    about = summary(plan, of_episodes)
    text = card(plan, about)
    storage.update_metadata(
        {
            "dataset_id": plan.name,
            "minari_version": minari.__version__,
            "algorithm_name": ", ".join(c.name for c in plan.contenders),
            "requirements": [f"splitgym=={__version__}"],
            "description": text,
            "splitgym": about,
            **_reference_scores(about),
        }
    )
    keep_files(plan.scenario.to_dict(), made)
    written(text, made / CARD_FILE)


def env_spec(plan: Plan, root: Path) -> EnvSpec:
    """What makes the environment of the data set again: the id that works in any process, scenario and encoding.

    A preset is named; any other scenario is a table of plain data, which names its files as they are kept in ``root``.
    """
    spec = copy.deepcopy(gym.spec(plan.world.env_id))
    spec.id = f"splitgym:{spec.id}"
    scenario = plan.given
    if plan.changes or scenario not in plan.world.preset_names():
        scenario = _placed(plan.scenario.to_dict(), root.absolute())
    spec.kwargs = {**spec.kwargs, "scenario": scenario, "action": plan.action}
    if plan.options:
        spec.kwargs["episode_options"] = dict(plan.options)
    return spec


def _placed(value: Any, root: Path) -> Any:
    """Plain data in which every file has the path at which it is kept in the data set."""
    if isinstance(value, dict):
        return {key: _placed(part, root) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_placed(part, root) for part in value]
    return str(root / value.kept_name) if named_files(value) else value


def _buffers(
    plan: Plan, parts: Parts, of_episodes: list[dict[str, Any]], progress: Progress | None
) -> Iterator[EpisodeBuffer]:
    """The episodes in their order; ``of_episodes`` gets what Minari keeps beside each."""
    from minari.data_collector import EpisodeBuffer

    for part in plan.parts():
        columns = parts.read(part)
        for i, seed in enumerate(part.seeds):
            steps = int(columns["lengths"][i])
            rewards = columns["rewards"][i, :steps]
            ends = np.arange(1, steps + 1) == steps
            terminated = ends & columns["terminated"][i]
            infos = {name: values[i, : steps + 1] for name, values in _group(columns, "infos").items()}
            actions = _group(columns, "actions")
            yield EpisodeBuffer(
                seed=seed,
                observations=columns["observations"][i, : steps + 1],  # pyright: ignore[reportArgumentType]
                actions=_sliced(actions, i, steps) if actions else columns["actions"][i, :steps],  # pyright: ignore[reportArgumentType]
                rewards=rewards,  # pyright: ignore[reportArgumentType]
                terminations=terminated,  # pyright: ignore[reportArgumentType]
                truncations=ends & ~terminated,  # pyright: ignore[reportArgumentType]
                infos=infos,
            )
            of_episodes.append({"policy": part.contender.name, "return": float(rewards.sum())})
        if progress is not None:
            progress(WRITING, len(of_episodes) / plan.episodes)


def _group(columns: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The columns ``name/KEY`` by their keys."""
    return {key.partition("/")[2]: values for key, values in columns.items() if key.startswith(f"{name}/")}


def _sliced(columns: Mapping[str, np.ndarray], row: int, steps: int) -> dict[str, np.ndarray]:
    return {name: values[row, :steps] for name, values in columns.items()}


def _reference_scores(about: Mapping[str, Any]) -> dict[str, Any]:
    """What ``minari.get_normalized_score`` takes for 0 and 1: the returns of ``random`` and of the best policy."""
    returns = {policy["name"]: policy["return_mean"] for policy in about["policies"]}
    if "random" not in returns or len(returns) < 2:
        return {}
    fewest = min(policy["episodes"] for policy in about["policies"])
    scores = {"ref_min_score": returns["random"], "ref_max_score": max(returns.values())}
    return {**scores, "num_episodes_average_score": fewest}
