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

from splitgym.agents.checkpoint import CHECKPOINTS, save_model
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


class Progress(BaseCallback):
    """A bar on standard error, or in the notebook: steps, steps/s and the mean return of recent episodes."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total
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
            self.bar.set_postfix_str(f"return {np.mean(recent):.2f}", refresh=False)

    def _on_step(self) -> bool:
        self.bar.update(self.training_env.num_envs)
        return True

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()
