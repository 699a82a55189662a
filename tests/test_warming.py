"""What is warmed up is compiled once: first steps find it, and a second warm-up has nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import splitgym
from splitgym import jit, warming
from splitgym.cli import main
from splitgym.worlds.shipped import SHIPPED
from tests.helpers import run_python

ID = "HardwareSplit-v0"  # compiles soonest
WARM = f"""
import sys
sys.modules.update(dict.fromkeys(("tqdm", "rich", "torch", "matplotlib", "pandas")))  # as if they were not installed
from splitgym.cli import main
main(["warmup", "{ID}", "--policies", "edge_only", "--bound"])
"""
FIRST = f"""
import gymnasium as gym
import splitgym
from splitgym.jit_cache import Cache
for action in ("multidiscrete", "box", "discrete", "dict"):
    for env in (gym.make("{ID}", action=action), gym.make_vec("{ID}", num_envs=3, action=action)):
        env.reset(seed=1)
        env.step(env.action_space.sample())
splitgym.evaluate("edge_only", "{ID}", episodes=3, workers=1, bound=True)
print(Cache.stored)
"""


def test_first_steps_find_what_is_warm(tmp_path: Path) -> None:
    cold, warm = (run_python(WARM, NUMBA_CACHE_DIR=str(tmp_path)).splitlines() for _ in range(2))
    (folder,) = (tmp_path / "splitgym").iterdir()
    kept = f" s; the machine code is kept in {folder}"
    assert len(cold) == len(warm) == 1
    assert cold[0].endswith(kept)
    assert warm[0].endswith(kept)
    assert int(cold[0].split(" functions compiled in ")[0]) > 2
    assert warm[0].startswith("nothing was left to compile in ")
    assert run_python(FIRST, NUMBA_CACHE_DIR=str(tmp_path)) == "0\n"


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be compiled."""
    done: list[Any] = []
    monkeypatch.setattr(warming, "_step", lambda make, env_id, **_: done.append((make.__name__, env_id)))
    monkeypatch.setattr(warming, "_evaluate", lambda policy, env_id, **more: done.append((policy, env_id, more)))
    return done


def test_without_names_every_shipped_environment_is_warmed(jobs: list[Any]) -> None:
    done = splitgym.warmup()
    ids = [known.env_id for known in SHIPPED.values()]
    assert jobs == [(make, env_id) for env_id in ids for make in ("make", "make_vec")]
    assert (done.compiled, done.folder) == (0, str(jit.cache_folder()))


def test_a_policy_is_warmed_where_it_plays(jobs: list[Any]) -> None:
    splitgym.warmup([ID, "SplitInference-v0"], ["enachi", "random"], bound=True)
    assert [job for job in jobs if job[0] == "enachi"] == [("enachi", "SplitInference-v0", {})]
    assert [job[1:] for job in jobs if job[0] == "random"] == [
        (env_id, more) for env_id in (ID, "SplitInference-v0") for more in ({}, {"bound": True})
    ]


def test_progress_is_told(jobs: list[Any]) -> None:
    told: list[Any] = []
    splitgym.warmup(ID, "random", progress=lambda name, share: told.append((name, share)))
    names = [ID, f"{ID}, batch", f"{ID}, random"]
    assert told == [(name, share) for name in names for share in (0.0, 1.0)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["SplitInferense-v0"], "did you mean 'SplitInference-v0'?"),
        (["--policies", "enachy"], "did you mean 'enachi'?"),
        ([ID, "--policies", "enachi"], f"policy 'enachi' plays none of {ID}"),
    ],
)
def test_mistakes_are_told_before_anything_is_compiled(
    words: list[str], told: str, jobs: list[Any], capsys: Any
) -> None:
    assert main(["warmup", *words]) == 2
    assert told in capsys.readouterr().err
    assert jobs == []


def test_without_a_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, jobs: list[Any]) -> None:
    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    with pytest.raises(ValueError, match="set NUMBA_CACHE_DIR to one that only you can write to"):
        splitgym.warmup(ID)
    assert jobs == []


def test_without_a_compiler_it_says_why(monkeypatch: pytest.MonkeyPatch, jobs: list[Any]) -> None:
    monkeypatch.setattr(jit.config, "DISABLE_JIT", 1)
    with pytest.raises(ValueError, match="NUMBA_DISABLE_JIT is set; unset it"):
        splitgym.warmup(ID)
    assert jobs == []
