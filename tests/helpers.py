"""What several test files share: cases from the registries, rollouts, exact comparison, fresh processes."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from splitgym.encodings import ENCODINGS
from splitgym.envs.single import SplitEnv
from splitgym.envs.vector import SplitVectorEnv
from splitgym.masks import row_masks
from splitgym.testing.comparing import assert_same  # noqa: F401 (for those who import it from here)
from splitgym.testing.playing import advance, rollout, sampled  # noqa: F401
from splitgym.worlds.world import WORLDS

ROOT = Path(__file__).resolve().parent.parent

#: World -> changes that make its episodes short; of one task: a random agent soon stops.
SHORT = {world: {WORLDS[world].length: 23} if WORLDS[world].length else {} for world in WORLDS}
SHORT["multiuser"]["users.count"] = 3

CASES = [(world, preset) for world in WORLDS for preset in WORLDS[world].preset_names()]
ENCODED = [(world, action) for world in WORLDS for action in ENCODINGS]


def short(world: str, preset: str, **changes: Any) -> Any:
    """The preset with short episodes, and further ``changes``."""
    return WORLDS[world].load_scenario(preset, **{**SHORT[world], **changes})


def single(world: str, scenario: Any, action: str = "multidiscrete", **kwargs: Any) -> SplitEnv:
    """An unwrapped environment."""
    return SplitEnv(world=world, scenario=scenario, action=action, **kwargs)


def native(n: int, world: str, scenario: Any, action: str = "multidiscrete", **kwargs: Any) -> SplitVectorEnv:
    """A native vector environment."""
    return SplitVectorEnv(n, world=world, scenario=scenario, action=action, **kwargs)


def vector_rollout(envs: Any, actions: Iterable[Any], seed: int | None = 0) -> list[tuple]:
    """Everything that a vector environment returned; rows at their end are reset where the mode is DISABLED."""
    out: list[tuple] = [envs.reset(seed=seed)]
    disabled = envs.metadata["autoreset_mode"] is gym.vector.AutoresetMode.DISABLED
    for action in actions:
        out.append(envs.step(action))
        done = out[-1][2] | out[-1][3]
        if disabled and done.any():
            out.append(envs.reset(options={"reset_mask": done}))
    return out


def as_native(told: Any) -> Any:
    """What ``SyncVectorEnv`` returned, where it lays out as objects what the native batch has as numbers.

    Gymnasium knows no NumPy bool among its numbers, and no tuple: masks of a ``MultiDiscrete`` become n tuples.
    """
    if isinstance(told, (list, tuple)):
        return type(told)(as_native(part) for part in told)
    if isinstance(told, dict):
        return {key: value if key.endswith("final_obs") else as_native(value) for key, value in told.items()}
    given = [row for row in told if row is not None] if isinstance(told, np.ndarray) and told.dtype == object else []
    if not given:
        return told
    if isinstance(given[0], tuple):
        sizes = [len(part) for part in given[0]]
        zeros = tuple(np.zeros(size, np.int8) for size in sizes)
        return row_masks(np.array([np.concatenate(zeros if row is None else row) for row in told]), sizes)
    return np.array([np.zeros_like(given[0]) if row is None else row for row in told])


def steps_of(out: list[tuple]) -> list[tuple]:
    """The steps among what :func:`rollout` or :func:`vector_rollout` returned (resets have two parts)."""
    return [item for item in out if len(item) == 5]


def digest(thing: Any, digits: int | None = None) -> str:
    """SHA-256 over nested results: exact, or with floats rounded to so many significant digits."""
    sha = hashlib.sha256()
    _feed(sha, thing, digits)
    return sha.hexdigest()


def _feed(sha: Any, thing: Any, digits: int | None) -> None:
    if isinstance(thing, dict):
        for key in sorted(thing):
            sha.update(key.encode())
            _feed(sha, thing[key], digits)
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            _feed(sha, item, digits)
    elif thing is None:
        sha.update(b"None")
    else:
        array = np.asarray(thing)
        if digits is not None and array.dtype.kind == "f":
            sha.update(" ".join(f"{x:.{digits - 1}e}" for x in (array.ravel() + 0.0).tolist()).encode())
        else:
            sha.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())


def case_digests(steps: int) -> dict[str, str]:
    """Digest of a random rollout for every case and encoding, and of a replayed episode of every case."""
    out = {}
    for world, preset in CASES:
        scenario = short(world, preset)
        for action in [a for w, a in ENCODED if w == world]:
            env = single(world, scenario, action)
            out[f"{preset} {action}"] = digest(rollout(env, sampled(env.action_space, steps, seed=9), seed=3))
        env = single(world, scenario)
        trace = WORLDS[world].draw_trace(scenario, np.uint64(77))
        out[f"{preset} replayed"] = digest(rollout(env, sampled(env.action_space, steps, seed=9), seed=3, trace=trace))
    return out


def assert_one_signature() -> None:
    """Each world's loop is compiled at most once: an int in a float field or a read-only array would add a copy."""
    for name in WORLDS:
        for loop in (WORLDS[name].turn_rows, WORLDS[name].loop(2)):
            assert len(getattr(loop, "nopython_signatures", ())) <= 1, loop


def our_modules() -> str:
    """Expression for the modules whose warnings are errors in the suite, and for the code of a fresh interpreter."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    return (
        next(f.removeprefix("error:::") for f in settings["filterwarnings"] if f.startswith("error:::")) + "|__main__"
    )


#: The first line of a fresh interpreter's code: warnings are errors where they are in the suite.
STRICT = f"import warnings; warnings.filterwarnings('error', module={our_modules()!r})\n"


@functools.cache
def ci_script(name: str) -> ModuleType:
    """A script of .ci/ as a module."""
    folder = str(ROOT / ".ci")
    spec = importlib.util.spec_from_file_location(f"tests.ci.{name}", f"{folder}/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)  # they import each other
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def run_python(code: str, *arguments: str, root: Path = ROOT, **environment: str) -> str:
    """Standard output of ``code`` in a fresh interpreter at a source tree; fails with its standard error."""
    env = {**os.environ, "PYTHONPATH": str(root), **environment}
    command = [sys.executable, "-c", STRICT + code, *arguments]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
