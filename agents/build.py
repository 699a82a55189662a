"""From a configuration to a stable-baselines3 model, fresh or restored; nothing is written here."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.checkpoint import check_device, fits, newest_whole, policy_arguments, read_weights
from splitgym.agents.config import TrainConfig
from splitgym.quoting import cut, shown
from splitgym.registry import nearest
from splitgym.seeding import FIRST_TRAINING_SEED

#: Where a linear schedule ends, as a share of the learning rate: at 0 the last update would be for nothing.
LAST_RATE = 0.02
#: Kinds of plain values, in words.
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def build_model(config: TrainConfig) -> Any:
    """The untrained model over the native vector environment; raises before anything is written."""
    algorithm = ALGORITHMS[config.algo]
    cls = algorithm.load()
    check_device(config.device)
    from stable_baselines3.common.utils import LinearSchedule
    from stable_baselines3.common.vec_env import VecMonitor

    from splitgym.agents.centring import CentredRewards
    from splitgym.agents.sb3 import make_vec_env

    _check_hyper(config, cls)
    n_envs, rate = int(config.n_envs or 1), float(config.learning_rate or 0.0)
    setting = {"scenario": config.setting, "action": config.action, "episode_options": config.episode_options}
    if config.agents:
        from splitgym.agents.shared import SharedVecEnv

        env = SharedVecEnv(n_envs, reward=config.agents, num_threads=config.num_threads, **setting)
    else:
        env = make_vec_env(config.env_id, n_envs, num_threads=config.num_threads, **setting)
    try:
        watched = CentredRewards(env) if config.centre_rewards else VecMonitor(env)
        model = cls(
            algorithm.policy,
            watched,
            learning_rate=LinearSchedule(rate, LAST_RATE * rate, 1.0) if config.schedule == "linear" else rate,
            gamma=config.gamma,
            policy_kwargs=policy_arguments(config),
            seed=config.seed,
            device=config.device,
            stats_window_size=max(100, n_envs),
            **{name: value for name, value in config.hyper.items() if name not in algorithm.networks},
        )
    except (AssertionError, TypeError, ValueError, AttributeError, KeyError, RuntimeError) as error:
        env.close()  # whatever it raises for settings that it does not check
        raise ValueError(
            f"{config.algo} of stable-baselines3 refuses its settings {shown(config.hyper)}: {cut(str(error), 300)}"
        ) from error
    _seed(model, config.seed, 0)
    return model


def _check_hyper(config: TrainConfig, cls: type) -> None:
    ours = {"policy", "env", "learning_rate", "gamma", "policy_kwargs", "seed", "device", "stats_window_size"}
    unused = {"self", "verbose", "tensorboard_log", "_init_setup_model"}
    known = {name: p for name, p in inspect.signature(cls).parameters.items() if name not in ours | unused}
    networks = ALGORITHMS[config.algo].networks
    if networks:
        parameters = inspect.signature(ALGORITHMS[config.algo].load_policy()).parameters
        known |= {name: parameters[name] for name in networks}
    for name, value in config.hyper.items():
        if name not in known:
            raise ValueError(
                f"{config.algo} has no hyper-parameter {name!r}{nearest(name, known)} (known: {', '.join(known)}; "
                f"settings of their own: {', '.join(sorted(ours & set(TrainConfig.__dataclass_fields__)))}, net)"
            )
        annotation = known[name].annotation
        kinds = [kind for kind in _KINDS if kind in (typing.get_args(annotation) or (annotation,))]
        if kinds and isinstance(value, tuple(_KINDS)) and not any(_is(value, kind) for kind in kinds):
            wanted = " or ".join(_KINDS[kind] for kind in kinds)
            raise ValueError(f"train.hyper.{name} must be {wanted}, got {shown(value)}")


def _is(value: Any, kind: type) -> bool:
    """Whether a plain value is of a kind; whole numbers are numbers, booleans are not."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _seed(model: Any, seed: int, steps: int) -> None:
    """Seed exploration and episodes for a training that stands at ``steps``."""
    words = np.random.SeedSequence((seed, steps)).generate_state(2)
    model.set_random_seed(int(words[0]) if steps else seed)
    model.env.seed(FIRST_TRAINING_SEED + int(words[1]))


def restore_model(model: Any, config: TrainConfig, out: Path) -> None:
    """Load the newest whole state of a run into a fresh model; a run without a checkpoint begins again."""
    file = newest_whole(out)
    if file is None:
        return
    weights, plain = read_weights(file, config.device)
    variables = weights.pop("pytorch_variables", {})
    with fits(file, out):
        model.set_parameters(weights, exact_match=True, device=config.device)
        for name, value in variables.items():
            getattr(model, name).data.copy_(value.data)
    model.num_timesteps, model._n_updates = int(plain["num_timesteps"]), int(plain["_n_updates"])
    if hasattr(model, "learning_starts"):  # the replay buffer is filled anew
        model.learning_starts += model.num_timesteps
    _seed(model, config.seed, model.num_timesteps)
