"""Trainings on several scenarios, on values that are drawn, and from centred rewards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecMonitor

import splitgym
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.build import build_model
from splitgym.agents.centring import CentredRewards
from splitgym.agents.config import TrainConfig, load_config
from splitgym.agents.sb3 import make_vec_env
from splitgym.agents.settings import made_alike
from splitgym.agents.training import default_folder, train
from splitgym.cli import main
from splitgym.worlds.world import WORLDS
from tests.agents.test_agents import tiny
from tests.helpers import short

SCENARIOS = [short("inference", name) for name in ("default", "bursty")]
RANGES = {"radio.distance_m": "300:1200", "budget.energy_j": "0.002:0.008:log"}
VARIED: dict[str, Any] = {"scenario": SCENARIOS, "randomise": RANGES, "steps": 256}


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny(**VARIED, observe_context=True, validate_every=128, validation_episodes=3)
    return train(config, tmp_path_factory.mktemp("runs") / "varied", progress=False)


# ------------------------------------------------------------------ several scenarios
def test_a_configuration_keeps_all_scenarios(varied: Path) -> None:
    config = load_config(varied)
    assert config.scenario == SCENARIOS[0]
    assert config.more_scenarios == (SCENARIOS[1],)
    assert config.randomise == RANGES
    assert config == tiny(**VARIED, observe_context=True, validate_every=128, validation_episodes=3)
    assert config == TrainConfig(**vars(config))
    assert default_folder(config).name == "ppo-inference-default+bursty-randomised-s0"
    assert "more_scenarios=('bursty',)" in repr(config)
    assert "more_scenarios" not in json.loads(tiny().to_json())  # an ordinary run is written as before


def test_an_agent_is_shown_what_it_plays(varied: Path, tmp_path: Path) -> None:
    """Behind the observation stands what a drawn episode would have shown; the exported agent does the same."""
    agent = splitgym.load_agent(varied)
    exported = splitgym.load_agent(splitgym.export_agent(varied, tmp_path / "varied.safetensors"))
    near = splitgym.load_scenario(SCENARIOS[1], **{"radio.distance_m": 750.0, "budget.energy_j": 0.004})
    env: Any = splitgym.envs.single.SplitEnv(scenario=near)
    for player in (agent, exported):
        player.check(env)
        assert player.context.tolist() == pytest.approx([0.0, 1.0, 0.0, 0.0], abs=1e-6)
    mixed: Any = splitgym.envs.single.SplitEnv(scenario=load_config(varied).setting)
    seen, _ = mixed.reset(seed=3)
    agent.check(mixed)
    assert agent.context.size == 0
    whole = agent.predict(seen)[0]
    env = splitgym.envs.single.SplitEnv(scenario=mixed.scenario)
    plain, _ = env.reset(seed=3)
    for player in (agent, exported):
        player.check(env)
        assert player.predict(plain)[0].tolist() == whole.tolist()
        assert player.predict(np.tile(plain, (3, 1)))[0].tolist() == [whole.tolist()] * 3


def test_it_is_evaluated_on_any_scenario_with_its_spaces(varied: Path) -> None:
    results = splitgym.evaluate(["enachi", str(varied)], scenario=short("inference", "commute"), episodes=2)
    assert results.policies == ["enachi", "varied"]
    with pytest.raises(ValueError, match="train an agent on scenario 'digits'"):
        splitgym.evaluate(str(varied), scenario=short("inference", "digits"), episodes=1)


def test_it_goes_on_with_the_same_scenarios_only(varied: Path, tmp_path: Path) -> None:
    config = load_config(varied)
    train(config, varied, resume=True, progress=False)
    for change in ({"more_scenarios": ()}, {"randomise": {}}, {"randomise": {**RANGES, "radio.distance_m": "1:2"}}):
        other = TrainConfig(**{**vars(config), **change, "observe_context": False})
        with pytest.raises(ValueError, match="begun with other settings"):
            train(other, varied, resume=True, progress=False)
    assert main(["train", "--resume", str(varied), "--scenario", "default", "--quiet"]) == 2
    words = [word for path, text in RANGES.items() for word in ("--randomise", f"{path}={text}")]
    assert main(["train", "--resume", str(varied), *words, "--observe-context", "--quiet"]) == 0


def test_the_command_line_takes_several(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "few"
    words = [
        "--scenario",
        "default",
        "--scenario",
        "bursty",
        "--set",
        "tasks.count=23",
        "--steps",
        "64",
        "--n-envs",
        "8",
    ]
    words += ["--hyper", "n_steps=8", "--net", "4", "--randomise", "radio.distance_m=300:1200", "--out", str(out)]
    assert main(["train", *words, "--quiet"]) == 0
    config = load_config(out)
    assert [s.name for s in config.scenarios] == ["default", "bursty"]
    assert {s.tasks.count for s in config.scenarios} == {23}
    for wrong, told in (("radio.distance_m", "KEY=LOW:HIGH"), ("radio.distance_m=3:2", "LOW below HIGH")):
        assert main(["train", "--steps", "64", "--randomise", wrong]) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"observe_context": True}, "nothing is drawn"),
        ({"scenario": ["default", "default"]}, "must differ"),
        ({"scenario": ["default", "enachi"]}, "same spaces"),
        ({"scenario": []}, "scenario"),
        ({"more_scenarios": "bursty"}, "must be a list"),
        ({"randomise": "radio.distance_m=1:2"}, "a table"),
        ({"randomise": {"radio.distance_m": 3}}, "LOW:HIGH"),
        ({"randomise": {"radio.distance": "1:2"}}, "distance_m"),
        (
            {"env_id": "SplitInferenceMultiUser-v0", "agents": "team", "randomise": {"edge.workers": "1:3"}},
            "one scenario",
        ),
    ],
)
def test_what_one_agent_cannot_learn_from_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TrainConfig(**fields)


def test_returns_of_different_lengths_are_made_alike() -> None:
    """An episode of a scenario with twice the tasks counts half; which one a seed plays, an environment says."""
    long = short("inference", "bursty", **{"tasks.count": 46})
    config = tiny(scenario=[SCENARIOS[0], long], randomise=RANGES)
    seeds = list(range(40, 52))
    found = made_alike(np.full(12, 10.0), seeds, config).tolist()
    env = splitgym.envs.single.SplitEnv(scenario=config.setting)
    names = []
    for seed in seeds:
        env.reset(seed=seed)
        names.append(env.scenario.name)
    assert set(names) == {"default", "bursty"}
    assert found == [10.0 if name == "default" else 5.0 for name in names]
    assert made_alike(np.ones(1), [3], tiny()).tolist() == [1.0]


def test_damaged_scenarios_are_refused(varied: Path, tmp_path: Path) -> None:
    document = json.loads((varied / "config.json").read_text())
    for wrong in (3, [3], [{"name": "x"}], [{**document["more_scenarios"][0], "digest": "0"}]):
        (tmp_path / "config.json").write_text(json.dumps({**document, "more_scenarios": wrong}))
        with pytest.raises(ValueError, match=r"config\.json"):
            load_config(tmp_path)


# ------------------------------------------------------------------ centred rewards
def paid(monkeypatch: pytest.MonkeyPatch, wrapped: CentredRewards, *rewards: list[float]) -> list[list[float]]:
    """What a learner gets for the rewards of steps."""
    left = iter(rewards)

    def step_wait(self: VecMonitor) -> Any:
        return np.zeros(2), np.array(next(left), np.float32), np.zeros(2, np.bool_), [{}, {}]

    monkeypatch.setattr(VecMonitor, "step_wait", step_wait)
    found = [wrapped.step_wait()[1] for _ in rewards]
    assert {got.dtype for got in found} == {np.dtype(np.float32)}
    return [got.tolist() for got in found]


def test_the_mean_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = paid(monkeypatch, object.__new__(CentredRewards), [1.0, 0.0], [1.0, 2.0], [0.0, 0.0])
    assert first == [0.5, -0.5]  # mean 0.5
    assert second == [0.0, 1.0]  # mean of 0.5 and 1.5
    assert third == pytest.approx([-2 / 3, -2 / 3])  # mean of 0.5, 1.5 and 0
    later = object.__new__(CentredRewards)
    later.count, later.mean = 10**6, 1.0
    assert paid(monkeypatch, later, [2.0, 2.0])[0] == pytest.approx([0.999, 0.999])  # it goes on forgetting


def test_returns_are_shown_as_they_are() -> None:
    env = CentredRewards(make_vec_env("SplitInference-v0", 2, scenario=SCENARIOS[0]))
    plain = make_vec_env("SplitInference-v0", 2, scenario=SCENARIOS[0])
    for one in (env, plain):
        one.seed(3)
        one.reset()
    total, noted = np.zeros(2), list[float]()
    for _ in range(23):
        actions = np.tile([0, 0, 0, 11], (2, 1))
        done, infos = env.step(actions)[2:]
        total += plain.step(actions)[1] * (len(noted) == 0)
        noted += [info["episode"]["r"] for info in infos if "episode" in info]
        if noted:
            break
    assert noted[0] == pytest.approx(total[np.flatnonzero(done)[0]], abs=1e-5)
    assert isinstance(build_model(tiny()).env, CentredRewards)
    assert type(build_model(tiny(centre_rewards=False)).env) is VecMonitor


LEARNT = [  # nothing is continuous where blocks are placed
    (algo, world)
    for algo in ALGORITHMS
    for world in WORLDS
    if (ALGORITHMS[algo].actions[0], world) != ("box", "placement")
]


@pytest.mark.parametrize(("algo", "world"), LEARNT)
def test_they_are_centred_where_nothing_ends_but_by_truncation(algo: str, world: str) -> None:
    config = TrainConfig(algo=algo, env_id=WORLDS[world].env_id)
    on_policy = algo in ("ppo", "maskable-ppo", "recurrent-ppo", "a2c")
    assert config.centre_rewards is (on_policy and world != "transmission")


def test_masks_come_through() -> None:
    env = CentredRewards(make_vec_env("SplitInference-v0", 3, scenario=SCENARIOS[0]))
    env.reset()
    assert np.stack(env.env_method("action_masks")).shape == (3, 30)
