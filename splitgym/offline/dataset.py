"""``splitgym.record_dataset``: episodes of policies as a Minari data set."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitgym.checks import MOST_THREADS, switch, table, whole_number
from splitgym.envs.rows import Rows
from splitgym.evaluation.policies import contenders_of
from splitgym.extras import need
from splitgym.offline.card import is_of
from splitgym.offline.parts import Parts
from splitgym.offline.plan import Part, Plan, counts_of, infos_of, options_of, place_of, seed_of_first
from splitgym.offline.recording import record
from splitgym.offline.writing import write
from splitgym.progress import Progress, progress_of, telling
from splitgym.quoting import where
from splitgym.worlds.world import encoding_fixed_by, world_of

if TYPE_CHECKING:
    from minari import MinariDataset


def record_dataset(
    policies: Any | Iterable[Any],
    out: str | Path,
    env_id: str = "SplitInference-v0",
    scenario: Any = "default",
    episodes: int = 1000,
    seed: int = 0,
    *,
    action: str | None = None,
    shares: Iterable[float] | None = None,
    episode_options: Mapping[str, Any] | None = None,
    infos: Iterable[str] | None = None,
    changes: Mapping[str, Any] | None = None,
    num_threads: int = 1,
    trust: bool = False,
    progress: Progress | bool | None = None,
) -> MinariDataset:
    """Play episodes of policies and write them as a Minari data set, from which offline RL learns.

    Args:
        policies: one or several, as :func:`splitgym.evaluate` takes them.
        out: ``"minari:NAMESPACE/NAME-v0"``, found by ``minari.load_dataset("NAMESPACE/NAME-v0")``, or a folder's path
            that ends in such a name, found by ``minari.MinariDataset(out + "/data")``.
        env_id, scenario, changes: the setting, as for :func:`splitgym.evaluate`.
        episodes: number of all episodes, policy after policy.
        seed: episode i is that of seed 2**32 + ``seed`` + i: evaluation never meets it.
        action: encoding in which the actions are written; that of ``env_id`` by default.  The decision of a policy
            that answers in another one is written in this one, and what is written is played.
        shares: how the episodes are divided, one positive number for each policy; equal shares by default.  A folder of
            several training seeds counts as a policy for each.
        episode_options: options of all episodes; those that the policies want by default, if they agree.
        infos: keys of ``info`` that are kept, from the reset on; ``("cost",)`` by default.
        num_threads: threads of the simulation; results do not depend on it.
        trust: load a stranger's model file although it can run code.
        progress: as in :func:`splitgym.evaluate`; the name in the end is "writing".

    Episodes are kept in parts as soon as they are played, in a hidden folder beside ``out``: the same call goes on
    where it was interrupted, and ends with the same bytes.  A call whose data set is there already returns it.

    Returns:
        The ``minari.MinariDataset``; ``dataset.storage.metadata["splitgym"]`` holds digests, policies and returns.

    Raises:
        ValueError: unknown names, too few episodes, policies that want different options, a name that Minari could
            not read, and a place where another data set is.
        DependencyNotInstalled: without the extra ``offline``.
    """
    for module in ("minari", "h5py"):
        need(module, "offline")
    world, changes, progress = world_of(env_id), table("changes", changes), progress_of(progress)
    num_threads = whole_number("num_threads", num_threads, 1, MOST_THREADS)
    name, root = place_of(out)
    contenders = contenders_of(policies, world, trust=switch("trust", trust))
    setting = world.load_scenario(scenario, **changes)
    fixed = encoding_fixed_by(env_id)
    encoding = (fixed or "multidiscrete") if action is None else action
    options = options_of(contenders, None if episode_options is None else table("episode_options", episode_options))
    Rows(world, setting, encoding, 1, options)  # refuses unknown ones before anything is played
    counts = counts_of(episodes, shares, len(contenders))
    plan = Plan(
        name, world, setting, scenario, changes, encoding, options, infos_of(world, infos), contenders, counts,
        seed_of_first(seed),
    )  # fmt: skip
    if root.exists():
        return _present(plan, root)
    with telling(progress, len(contenders) + 1) as tell:
        _make(plan, root, num_threads, tell)
    return importlib.import_module("minari").MinariDataset(root / "data")


def _make(plan: Plan, root: Path, num_threads: int, progress: Progress | None) -> None:
    """Play what is not there yet, and write the data set."""
    parts = Parts(root, plan)
    root.parent.mkdir(parents=True, exist_ok=True)  # where nothing can be written, nothing is played
    for part in plan.parts():
        tell = functools.partial(_tell, progress, part)
        if not parts.has(part):
            played = record(plan, part, num_threads=num_threads, progress=tell)
            parts.keep(part, played)
        tell(part.contender.name, 1.0)
    with parts.making(root) as made:
        write(plan, parts, made, root, progress)
    namespace = plan.name.rpartition("/")[0]
    known = importlib.import_module("minari.namespace")
    if namespace and namespace not in known.list_local_namespaces():
        known.create_namespace(namespace)


def _tell(progress: Progress | None, part: Part, name: str, share: float) -> None:
    if progress is not None:
        progress(name, (part.begin + share * len(part.seeds)) / part.of)


def _present(plan: Plan, root: Path) -> MinariDataset:
    """The data set at ``root``, if it is the plan's; ``ValueError`` for anything else that is there."""
    import minari

    about: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError, OSError, KeyError):
        dataset = minari.MinariDataset(root / "data")
        about = dataset.storage.metadata.get("splitgym", {})
        if plan.resumable and is_of(plan, about):
            return dataset
    kind = "another data set" if about else "something that is no data set of splitgym"
    raise ValueError(f"{where(root)} holds {kind}, which is never overwritten; choose another name or version")
