"""What happens beside the learning: checkpoints, a clean stop, the progress bar."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from splitgym.agents.agent import Agent, SharedAgent
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.checkpoint import BEST_FILE, CHECKPOINTS, save_model, steps_of
from splitgym.agents.config import TrainConfig
from splitgym.agents.validation import read_points, validated, write_points
from splitgym.progress import bar_class, watched


class Stop(Exception):
    """Raised between two updates to end the training there."""


class StopSwitch:
    """Set by the first Ctrl-C; a second one interrupts at once, and so does one before the first update has begun.

    Until then, while the episodes are begun, nothing is there that a checkpoint does not hold.
    """

    def __init__(self) -> None:
        self.pressed = self.begun = False

    def press(self, *_: Any) -> None:
        """Handler of SIGINT."""
        if not self.begun:
            raise KeyboardInterrupt
        self.pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nstopping after this update (Ctrl-C again: at once, from the last checkpoint)", file=sys.stderr)

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """Catch SIGINT inside; does nothing outside the main thread, where Python allows no handlers."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self.press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


class Checkpoints(BaseCallback):
    """Saves every ``every`` steps, and stops when the switch is pressed; both between updates, never inside one."""

    def __init__(self, folder: Path, every: int, switch: StopSwitch) -> None:
        super().__init__()
        self.folder, self.every, self.switch = folder, every, switch
        self.saved = 0

    def save(self) -> Path:
        """Write ``checkpoints/step_<steps>.zip``; returns its path."""
        self.saved = self.model.num_timesteps
        path = self.folder / CHECKPOINTS / f"step_{self.saved:012d}.zip"
        save_model(self.model, path)
        return path

    def _on_training_start(self) -> None:
        self.saved = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        self.switch.begun = True
        if self.switch.pressed:
            self.save()
            raise Stop
        if self.model.num_timesteps - self.saved >= self.every:
            self.save()

    def _on_step(self) -> bool:
        return True


class Validation(BaseCallback):
    """Lets the agent play the validation episodes from time to time, and keeps the weights that did best.

    It does so between updates and without a draw of randomness, so the learning does not feel it.  A training that
    goes on keeps the points up to where it does; the best weights stay what they are until others do better.
    """

    def __init__(self, folder: Path, config: TrainConfig, bar: Progress | None = None) -> None:
        super().__init__()
        self.folder, self.config, self.bar = folder, config, bar
        known, self.kept = read_points(folder), steps_of(folder / BEST_FILE)
        self.best = next((point.mean for point in known if point.steps == self.kept), -np.inf)
        self._known = known

    def _on_training_start(self) -> None:
        now = self.model.num_timesteps
        self.points = [point for point in self._known if point.steps <= now or point.steps == self.kept]
        self.last = max((point.steps for point in self.points if point.steps <= now), default=0)
        self.agent = as_it_stands(self.model, self.config)

    def _on_rollout_start(self) -> None:
        every = int(self.config.validate_every or 1)
        if self.model.num_timesteps // every > self.last // every:
            self.validate()

    def _on_step(self) -> bool:
        return True

    def validate(self) -> None:
        """Validate the weights as they are, unless that has been done."""
        steps = self.model.num_timesteps
        if steps == self.last:
            return
        point = validated(self.agent, self.config, steps)
        self.points = [*(old for old in self.points if old.steps != steps), point]
        self.last = steps
        # the curve first: weights without a point in it would count as nothing when the training goes on
        write_points(self.folder, self.config, sorted(self.points, key=lambda one: one.steps))
        if point.mean > self.best:
            self.best, self.kept = point.mean, steps
            save_model(self.model, self.folder / BEST_FILE)
        self.logger.record("validation/return", point.mean)
        self.logger.record("validation/best_return", self.best)
        if self.bar is not None:
            self.bar.validated = f", validation {point.mean:.2f}"


def as_it_stands(model: Any, config: TrainConfig) -> Agent:
    """The networks of a model in training as an agent."""
    kind = SharedAgent if config.agents else Agent
    return kind(model.policy, "in training", str(config.action), ALGORITHMS[config.algo].masks, config)


class Progress(BaseCallback):
    """A bar on standard error, or in the notebook: steps, steps/s, mean returns of recent and validation episodes."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total, self.validated = total, ""
        self.bar: Any = None

    def _on_training_start(self) -> None:
        self.bar = bar_class()(
            total=self.total,
            initial=self.model.num_timesteps,
            unit="step",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=0.2 if watched() else 10.0,
            file=sys.stderr,
        )

    def _on_rollout_end(self) -> None:
        recent = [episode["r"] for episode in self.model.ep_info_buffer or ()]
        if recent:
            self.bar.set_postfix_str(f"return {np.mean(recent):.2f}{self.validated}", refresh=False)

    def _on_step(self) -> bool:
        self.bar.update(self.training_env.num_envs)
        return True

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()
