"""What is asked of a policy."""

from __future__ import annotations

from typing import Any

import numpy as np

from splitgym.encodings import ENCODINGS
from splitgym.envs.vector import SplitVectorEnv
from splitgym.policy import POLICIES, load_baselines, make_policy, one_of
from splitgym.quoting import shown
from splitgym.testing.comparing import difference, fail, failing, require
from splitgym.testing.playing import global_randomness, untouched
from splitgym.worlds.world import World, world_of


def check_policy(
    policy: Any, env_id: str = "SplitInference-v0", scenario: Any = "default", *, steps: int = 8, **parameters: Any
) -> None:
    """Check a policy in an environment.

    Args:
        policy: a registered name, a class or a function, called as ``policy(env, **parameters)``.
        env_id, scenario: the setting; short episodes are enough.
        steps: decisions of each episode that is played.

    It must act in every encoding, decide about a row whatever the rows beside it are, know nothing but its
    observations, leave these and the environment alone, keep no memory of earlier episodes beyond ``state``, and draw
    random numbers from its own seed only.  Raises ``AssertionError`` where it does not, with what to do.
    """
    world = world_of(env_id)
    load_baselines()
    if not isinstance(policy, str) and not callable(policy):
        raise ValueError(f"policy must be a registered name, a class or a function, got {shown(policy)}")
    kind = POLICIES[policy] if isinstance(policy, str) else policy
    case = _Case(world, world.load_scenario(scenario), kind, parameters, policy if isinstance(policy, str) else "")
    for action in ENCODINGS:
        case.acts(action, steps)
    case.decides_row_by_row()
    case.decides_by_observations()
    case.leaves_the_environment_alone()


class _Case:
    """One policy in one setting."""

    def __init__(self, world: World, scenario: Any, kind: Any, parameters: dict[str, Any], name: str) -> None:
        self.world, self.scenario, self.kind, self.parameters = world, scenario, kind, parameters
        self.what = f"policy {shown(name or getattr(kind, 'name', '') or getattr(kind, '__name__', kind))}"
        self.registered = name
        options = kind.options_for(world.name) if hasattr(kind, "options_for") else getattr(kind, "episode_options", {})
        self.options, self.action = dict(options), getattr(kind, "action", "dict")

    def env(self, n: int = 5, action: str = "") -> SplitVectorEnv:
        return SplitVectorEnv(n, self.world.name, self.scenario, action or self.action, self.options)

    def made(self, env: Any) -> Any:
        if self.registered:
            return make_policy(self.registered, env, **self.parameters)
        made = self.kind(env, **self.parameters)
        require(hasattr(made, "predict"), f"{self.what} makes a {type(made).__name__}, which has no predict()")
        return made

    def decided(self, policy: Any, observations: np.ndarray) -> Any:
        """Actions for copies of the observations; their global randomness and the arrays are watched."""
        given = observations.copy()
        with untouched(self.what), failing(self.what):
            answer = policy.predict(given)
        require(
            isinstance(answer, tuple) and len(answer) == 2,
            f"{self.what}: predict() must return (actions, state), got {shown(answer)}",
        )
        if difference(given, observations):
            fail(f"{self.what} writes into the observations that it is given; work on a copy")
        return answer[0]

    def acts(self, action: str, steps: int) -> None:
        """It plays in one encoding, and its actions are in the space."""
        env = self.env(3, action)
        policy, (observations, _) = self.made(env), env.reset(seed=1)
        for step in range(steps):
            actions = self.decided(policy, observations)
            require(
                env.action_space.contains(actions),
                f"{self.what} gives actions in encoding {action!r} that are not in {env.action_space} at step {step}: "
                f"{shown(actions)}; return self.encoding.encode(values), as splitgym.Policy does",
            )
            observations, rewards, *_ = env.step(actions)
            require(np.isfinite(rewards).all(), f"{self.what} gets rewards that are not finite: {rewards}")
        env.close()

    def decides_row_by_row(self) -> None:
        """A row's decision depends neither on the rows beside it nor on its place."""
        env = self.env()
        observations, _ = env.reset(seed=3)
        policy = self.made(env)
        whole = self.decided(policy, observations)
        order = np.arange(len(observations))[::-1]
        turned = self.decided(policy, observations[order])
        for row, place in enumerate(order):
            found = difference(one_of(turned, row), one_of(whole, place))
            require(
                not found,
                f"{self.what} decides otherwise about an observation that stands at another place in the batch: {found}"
                "; a decision must depend on its row alone",
            )
            found = difference(self.decided(policy, observations[place]), one_of(whole, place))
            require(
                not found,
                f"{self.what} decides otherwise about one observation than about the same one in a batch: {found}; a "
                "decision must depend on its row alone",
            )

    def decides_by_observations(self) -> None:
        """Equal observations give equal decisions, whatever lies behind them or was played before."""
        env, other = self.env(), self.env()
        observations, _ = env.reset(seed=1)
        other.reset(seed=2)
        policy = self.made(env)
        first = self.decided(policy, observations)
        found = difference(self.decided(policy, observations), first)
        require(
            not found, f"{self.what} decides otherwise when asked again: {found}; keep what it remembers in 'state'"
        )
        with global_randomness(99):
            found = difference(self.decided(self.made(other), observations), first)
        require(
            not found,
            f"{self.what} decides otherwise in another episode of equal observations: {found}; it may know what it "
            "observes, its scenario and its own seed, nothing else",
        )

    def leaves_the_environment_alone(self) -> None:
        """An environment goes on as if nobody had been asked."""
        asked, alone = self.env(), self.env()
        observations, _ = asked.reset(seed=4)
        alone.reset(seed=4)
        actions = self.decided(self.made(asked), observations)
        found = difference(asked.step(actions), alone.step(actions))
        require(not found, f"{self.what} changes the environment that it is made for: {found}; only read from it")
