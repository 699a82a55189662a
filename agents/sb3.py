"""The native vector environment behind stable-baselines3's ``VecEnv``, equal to ``DummyVecEnv`` bit for bit."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from splitgym.envs.vector import SplitVectorEnv

Infos = Literal["final", "all"]


def make_vec_env(env_id: str, n_envs: int, *, infos: Infos = "final", **kwargs: Any) -> SplitVecEnv:
    """``n_envs`` rows of ``env_id`` for stable-baselines3.

    Args:
        env_id: registered id, for example ``"SplitInference-v0"``.
        n_envs: number of rows; ``seed(s)`` gives row i the seed s + i.
        infos: see :class:`SplitVecEnv`.
        kwargs: arguments of :class:`splitgym.envs.vector.SplitVectorEnv`: ``scenario``, ``action``, ``num_threads``...
    """
    kwargs["autoreset_mode"] = AutoresetMode.SAME_STEP
    venv = gym.make_vec(env_id, num_envs=n_envs, vectorization_mode="vector_entry_point", **kwargs)
    return SplitVecEnv(venv, infos=infos)  # pyright: ignore[reportArgumentType]


class SplitVecEnv(VecEnv):
    """Adapter from :class:`splitgym.envs.vector.SplitVectorEnv` to stable-baselines3.

    Observations, float32 rewards, dones, ``terminal_observation`` and ``TimeLimit.truncated`` equal those of
    ``DummyVecEnv`` over single environments, seed by seed, and so do ``action_masks`` for sb3-contrib.

    Args:
        venv: native vector environment with ``AutoresetMode.SAME_STEP``.
        infos: ``"final"`` (fast): a row's info holds only ``TimeLimit.truncated`` until its episode ends, then
            everything; ``"all"``: everything at every step and reset, as ``DummyVecEnv``.

    Raises ``ValueError`` for any other environment or autoreset mode.
    """

    def __init__(self, venv: SplitVectorEnv, infos: Infos = "final") -> None:
        if not isinstance(venv, SplitVectorEnv):
            raise ValueError(f"SplitVecEnv needs a native SplitVectorEnv, got {type(venv).__name__}; see make_vec_env")
        if venv.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                f"stable-baselines3 needs autoreset_mode=AutoresetMode.SAME_STEP, got {venv.autoreset_mode}"
            )
        if infos not in ("final", "all"):
            raise ValueError(f"infos must be 'final' or 'all', got {infos!r}")
        self.venv, self.spec, self._all = venv, venv.spec, infos == "all"
        self._actions: Any = None
        self._begun = False
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)
        self.metadata = venv.metadata

    # ---------------------------------------------------------------- episodes
    def reset(self) -> np.ndarray:
        """Begin an episode in every row with the seeds and options set before; observations (n_envs, n_fields)."""
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        groups = _grouped(self._options)
        if len(groups) > 1 and not self._begun:  # the first reset must begin every row
            self.venv.reset(seed=seeds)
        observations = np.zeros(0)
        for rows, options in groups:
            if len(groups) > 1:
                options["reset_mask"] = np.isin(np.arange(self.num_envs), rows)
            observations, infos = self.venv.reset(seed=seeds, options=options)
            for i, info in zip(rows, _rows(infos, rows), strict=True):
                self.reset_infos[i] = info if self._all else {}
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions (n_envs, ...) for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step every row: observations (n_envs, n_fields), rewards (n_envs,) float32, dones (n_envs,) bool, infos."""
        step = self.venv.step if self._all else self.venv.step_briefly
        observations, rewards, terminated, truncated, columns = step(self._actions)
        done = terminated | truncated
        ended = np.flatnonzero(done)
        if self._all:
            infos = list(_rows(columns, range(self.num_envs)))
            for info in infos:
                info["TimeLimit.truncated"] = False
        else:  # the dictionaries differ so that a wrapper may write into them
            infos = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        if len(ended):
            finals = _rows(columns["final_info"], ended)
            for i, final in zip(ended.tolist(), finals, strict=True):
                self.reset_infos[i] = {k: v for k, v in infos[i].items() if k != "TimeLimit.truncated"}
                final["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
                final["terminal_observation"] = columns["final_obs"][i]
                infos[i] = final
        return observations, rewards.astype(np.float32), done, infos

    def action_masks(self) -> np.ndarray:
        """Masks of the present tasks, shape (n_envs, mask size) bool."""
        return self.venv.action_masks()

    def close(self) -> None:
        """Close the native environment."""
        self.venv.close()

    # ---------------------------------------------------------------- the rows as if they were environments
    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute of every chosen row; rows share what they do not own.  Raises ``AttributeError``."""
        rows = list(self._get_indices(indices))
        if attr_name == "action_masks":
            return [functools.partial(self._mask, i) for i in rows]
        owner = {"observation_space": "single_observation_space", "action_space": "single_action_space"}
        return [getattr(self.venv, owner.get(attr_name, attr_name))] * len(rows)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the native environment.  Raises ``ValueError`` for a part of the rows: they share it."""
        if len(set(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"rows share {attr_name!r}: set it for all of them (indices=None), or use DummyVecEnv")
        setattr(self.venv, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call ``action_masks``, ``render``... of every chosen row.  Raises ``AttributeError`` for unknown names."""
        rows = list(self._get_indices(indices))
        if method_name == "action_masks":
            masks = self.venv.action_masks()
            return [masks[i] for i in rows]
        if method_name == "render":
            frames = self.venv.render()
            return [frames and frames[i] for i in rows]
        if method_name in ("reset", "step", "close"):
            raise AttributeError(f"one row cannot {method_name}() alone; use {method_name}() of the VecEnv")
        return [getattr(self.venv, method_name)(*args, **kwargs)] * len(rows)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Always False: rows have no wrappers (use ``VecMonitor``)."""
        return [False] * len(list(self._get_indices(indices)))

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The pictures of all rows, each (height, width, 3) uint8; None for each without ``rgb_array``."""
        if self.render_mode != "rgb_array":
            warnings.warn(f"images need render_mode='rgb_array', not {self.render_mode!r}", stacklevel=2)
            return [None] * self.num_envs
        return list(self.venv.render())

    def _mask(self, row: int) -> np.ndarray:
        return self.venv.action_masks()[row]


def _rows(columns: Mapping[str, Any], rows: Sequence[int] | np.ndarray) -> Iterator[dict[str, Any]]:
    """Info columns -> one dictionary per row, as the single environment has them."""
    names = [name for name in columns if not name.startswith("_") and name not in ("final_obs", "final_info")]
    index = np.asarray(rows, np.int64)
    values: list[Any] = []
    for name in names:
        column = columns[name]
        values.append(list(_rows(column, rows) if isinstance(column, dict) else column[index]))
    return (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _grouped(options: Sequence[Mapping[str, Any]]) -> list[tuple[list[int], dict[str, Any]]]:
    """Rows that share episode options, and those options; traces differ within a group, as a list."""
    groups: list[tuple[dict[str, Any], list[int]]] = []
    for i, given in enumerate(options):
        kind = {k: v for k, v in given.items() if k != "trace"} | {"trace": "trace" in given}
        same = [rows for known, rows in groups if known == kind]
        if same:
            same[0].append(i)
        else:
            groups.append((kind, [i]))
    result = []
    for kind, rows in groups:
        traced = kind.pop("trace")
        result.append((rows, {**kind, "trace": [options[i]["trace"] for i in rows]} if traced else kind))
    return result
