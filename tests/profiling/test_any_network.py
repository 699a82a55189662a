"""Every policy decides for networks with any number of cut points and exits, whatever these are called."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import splitgym
from splitgym.profiles import DnnProfile
from splitgym.profiles.dnn import MOST_CUTS, MOST_EXITS

#: Cut points and exits; with the input, the last one fills the tables of the kernels.
SIZES = [(1, 0), (2, 1), (23, 3), (MOST_CUTS - 1, MOST_EXITS)]
#: It looks at every decision that there is: 64 x 65 / 2 pairs of cuts, each with all clocks, powers and exits.
SLOW = {("dynasplit", MOST_CUTS - 1)}
CASES = [
    (env_id, cuts, exits, policy)
    for env_id in ("SplitInference-v0", "SplitInferenceMultiUser-v0")
    for cuts, exits in SIZES
    for policy in splitgym.policy_names(env_id)
    if (policy, cuts) not in SLOW
]


@functools.cache
def network(cuts: int, exits: int) -> DnnProfile:
    blocks: list[dict[str, Any]] = [
        {"name": f"part {i}", "macs": 10**9 // cuts, "shape": (16, 14, 14), "steepness": 4.0 + i % 20}
        for i in range(cuts - 1)
    ]
    blocks.append({"name": "end", "macs": 10**6, "shape": (10,)})
    leaves = [
        {"after": f"part {i * (cuts - 1) // exits}", "macs": 10**4, "share": 0.3 + 0.6 * i / exits}
        for i in range(exits)
    ]
    whole: dict[str, Any] = {"blocks": blocks, "exits": leaves}
    return DnnProfile(name="any", input_shape=(3, 64, 64), accuracy_full=0.8, accuracy_chance=0.1, **whole)


@pytest.mark.parametrize(("env_id", "cuts", "exits", "policy"), CASES)
def test_a_policy_decides_for_any_network(env_id: str, cuts: int, exits: int, policy: str) -> None:
    length = "tasks.count" if env_id == "SplitInference-v0" else "frames.count"
    results = splitgym.evaluate(policy, env_id, changes={"dnn": network(cuts, exits), length: 4}, episodes=1)
    assert len(results.rows()) == 1


def test_the_three_methods_play_the_networks_of_the_three_methods() -> None:
    for name in ("vgg16", "mobilenet_v2", "vit_b16", "alexnet"):
        setting = splitgym.load_scenario("default", dnn=name, **{"tasks.count": 5})
        (most,) = splitgym.bounds(scenario=setting, episodes=1)
        results = splitgym.evaluate(["enachi", "fin"], scenario=setting, episodes=1)
        assert all(row["return"] <= most for row in results.rows())
    results = splitgym.evaluate("dynasplit", changes={"dnn": "alexnet", "tasks.count": 5}, episodes=1)
    assert results.policies == ["dynasplit"]


def test_a_network_without_a_stem_is_cut_behind_its_first_block() -> None:
    import gymnasium as gym

    for changes, cut in (({}, 1.0), ({"dnn": "alexnet"}, 1.0)):
        env = gym.make("SplitInference-v0", scenario=splitgym.load_scenario("default", **changes))
        assert splitgym.make_policy("static", env).fixed["cut"] == cut
    with pytest.raises(ValueError, match=r"cut must be one of input, features\.2"):
        splitgym.make_policy("static", env, cut="stem")
