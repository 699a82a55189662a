"""rl_zoo3's configuration says what ``splitgym train`` would do."""

from __future__ import annotations

import importlib

import gymnasium as gym
import pytest

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT

#: Algorithms that rl_zoo3 knows, see ``rl_zoo3.ALGOS``.
THEIRS = {"ppo", "a2c", "sac", "tqc", "td3", "dqn"}


def test_there_is_a_module_for_each_algorithm_of_both() -> None:
    files = {path.stem for path in (ROOT / "agents" / "rl_zoo3").glob("[a-z]*.py")}
    assert files == THEIRS == set(ALGORITHMS) - {"maskable-ppo", "recurrent-ppo"}


@pytest.mark.parametrize("algo", sorted(THEIRS))
def test_settings_are_those_of_the_table(algo: str) -> None:
    found = importlib.import_module(f"splitgym.agents.rl_zoo3.{algo}").hyperparams
    algorithm = ALGORITHMS[algo]
    assert {world.env_id for world in (WORLDS[name] for name in WORLDS)} <= set(found)
    for settings in found.values():
        rest = dict(settings)
        rest.pop("env_kwargs", None)
        assert rest.pop("policy") == "MlpPolicy"
        assert rest.pop("n_timesteps") == 5_000_000
        assert rest.pop("learning_rate") == f"lin_{algorithm.fields['learning_rate']:g}"
        assert rest.pop("policy_kwargs") == {"net_arch": list(algorithm.fields["net"])}
        assert rest == {"n_envs": algorithm.fields["n_envs"], "gamma": algorithm.fields["gamma"], **algorithm.hyper}


@pytest.mark.parametrize("algo", sorted(THEIRS))
def test_every_id_makes_an_environment_that_the_algorithm_takes(algo: str) -> None:
    takes = {"box": gym.spaces.Box, "discrete": gym.spaces.Discrete}
    found = importlib.import_module(f"splitgym.agents.rl_zoo3.{algo}").hyperparams
    for env_id, settings in found.items():
        space = gym.make(f"splitgym:{env_id}", **settings.get("env_kwargs", {})).action_space
        if algo in ("sac", "tqc", "td3", "dqn"):
            assert isinstance(space, takes[ALGORITHMS[algo].actions[0]]), env_id
        else:
            assert not isinstance(space, gym.spaces.Dict), env_id
