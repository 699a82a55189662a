"""Models of other libraries, by their own calls, against the same decisions made by hand."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import splitgym
from splitgym.evaluation.policies import contender

WORLDS = {
    "SplitInference-v0": "inference",
    "SplitInferenceMultiUser-v0": "multiuser",
    "ProgressiveTransmission-v0": "transmission",
    "HardwareSplit-v0": "hardware",
    "BlockPlacement-v0": "placement",
}


def first_allowed(observations: np.ndarray, masks: np.ndarray, nvec: np.ndarray) -> np.ndarray:
    """The first level that each axis allows."""
    parts = np.split(masks, np.cumsum(nvec)[:-1], axis=1)
    return np.stack([part.argmax(axis=1) for part in parts], axis=1)


def returns(policy: Any, env_id: str = "SplitInference-v0") -> np.ndarray:
    results = splitgym.evaluate(policy, env_id, episodes=2)
    return results.figure(results.policies[0], "return")


def played(env_id: str, act: Any) -> list[float]:
    """Returns of two episodes, one after the other, in the single environment."""
    env, found = gym.make(env_id, disable_env_checker=True), []
    for seed in range(2):
        observation, _ = env.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            masks = env.unwrapped.action_masks()  # pyright: ignore[reportAttributeAccessIssue]
            observation, reward, terminated, truncated, _ = env.step(act(observation[None], masks[None])[0])
            total, over = total + float(reward), terminated or truncated
        found.append(total)
    return found


class Plain:
    """Takes observations, gives actions, as d3rlpy's algorithms do."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.act(x)


class Kinds:
    """The kind of d3rlpy's actions."""

    name = "CONTINUOUS"


class Recurrent:
    """Its action depends on its state: the number of the decision, from 0 in every episode."""

    action = "multidiscrete"

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> Any:
        count = np.zeros(len(observation), np.int64) if state is None else state
        count = np.where(episode_start, 0, count)
        actions = np.zeros((len(observation), 4), np.int64)
        actions[:, 3] = count % 3
        return actions, count + 1


@pytest.mark.parametrize("env_id", WORLDS)
def test_a_function_with_masks_plays_every_world(env_id: str) -> None:
    spaces = gym.make(env_id).action_space
    nvec = getattr(spaces, "nvec", None)
    nvec = np.array([spaces.n]) if nvec is None else nvec  # pyright: ignore[reportAttributeAccessIssue]
    flat = isinstance(spaces, gym.spaces.Discrete)

    def act(observations: np.ndarray, action_masks: np.ndarray) -> np.ndarray:
        actions = first_allowed(observations, action_masks, nvec)
        return actions[:, 0] if flat else actions

    assert returns(splitgym.policy_from(act), env_id) == pytest.approx(played(env_id, act), rel=1e-12)
    assert splitgym.policy_from(act).uses_masks
    assert not splitgym.policy_from(act, uses_masks=False).uses_masks


def test_a_predict_without_state_plays() -> None:
    def act(observations: np.ndarray, _: Any = None) -> np.ndarray:
        return np.sign(observations[:, :4]).astype(np.float32) * 0.9

    model = Plain(act)
    with pytest.raises(TypeError, match="policy_from"):
        splitgym.evaluate(model)
    by_hand = returns(splitgym.policy_from(model, action="box"))
    model.get_action_type = Kinds  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_array_equal(returns(model), by_hand)
    np.testing.assert_array_equal(returns(splitgym.policy_from(lambda x: act(x), action="box")), by_hand)
    assert contender(model).action == "box"


def test_the_state_of_a_recurrent_model_is_passed_on() -> None:
    env = gym.make("SplitInference-v0")
    env.reset(seed=0)
    total, over, k = 0.0, False, 0
    while not over:
        _, reward, terminated, truncated, _ = env.step(np.array([0, 0, 0, k % 3]))
        total, over, k = total + float(reward), terminated or truncated, k + 1
    for model in (Recurrent(), splitgym.policy_from(Recurrent())):
        results = splitgym.evaluate(model, episodes=1)
        assert results.figure("Recurrent", "return")[0] == pytest.approx(total, rel=1e-12)


def test_what_is_no_policy_is_refused() -> None:
    for wrong in (Recurrent, 3, None):
        with pytest.raises(TypeError, match="needs predict"):
            splitgym.policy_from(wrong)
    with pytest.raises(ValueError, match="action must be one of"):
        splitgym.policy_from(lambda x: x, action="boxes")
    with pytest.raises(ValueError, match="text of one line"):
        splitgym.policy_from(lambda x: x, name="two\nlines")
    with pytest.raises(ValueError, match="policy 'policy': actions must be integers"):
        splitgym.evaluate(splitgym.policy_from(lambda x: x), episodes=1)


def test_names_of_the_users_own() -> None:
    """A dictionary names policies, whatever they are, in every function that takes several."""
    many = {"mine": Recurrent(), "other": Recurrent(), "cheap": "enachi:eta=0.8"}
    results = splitgym.evaluate(many, episodes=1)
    assert results.policies == ["mine", "other", "cheap"]
    alone = splitgym.evaluate("enachi:eta=0.8", episodes=1)
    np.testing.assert_array_equal(results.figure("cheap", "return"), alone.figure("enachi:eta=0.8", "return"))
    assert results.specs["cheap"] == "enachi:eta=0.8"
    swept = splitgym.sweep(many, over={"tasks.hint_std": [0.0]}, episodes=1)
    assert swept.policies == list(many)
    assert list(splitgym.stability({"mine": "device"}, tasks=2000).runs) == ["mine"]
    with pytest.raises(ValueError, match="names of your own, as a dictionary"):
        splitgym.evaluate([Recurrent(), Recurrent()], episodes=1)
    with pytest.raises(ValueError, match="name of a policy must be a text of one line"):
        splitgym.evaluate({"two\nlines": "random"}, episodes=1)
    with pytest.raises(ValueError, match="must hold 1"):
        splitgym.evaluate({}, episodes=1)
