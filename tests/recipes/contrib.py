"""Stable-Baselines3 contrib."""

from __future__ import annotations

from tests.recipes import never_masked
from tests.recipes.with_sb3 import ID, in_workers, on_devices


def masks() -> str:
    """MaskablePPO, trained for a few decisions on the native batch."""
    import torch
    from sb3_contrib import MaskablePPO

    from splitgym.agents.sb3 import make_vec_env

    torch.set_num_threads(1)
    model = MaskablePPO("MlpPolicy", make_vec_env(ID, 32), n_steps=16, batch_size=128, seed=1, device="cpu").learn(512)
    return never_masked(model)


def multi_agent() -> str:
    """TRPO of all devices."""
    from sb3_contrib import TRPO

    return on_devices(TRPO)


def workers() -> str:
    """RecurrentPPO on environments of other processes."""
    from sb3_contrib import RecurrentPPO

    return in_workers(RecurrentPPO, "MlpLstmPolicy")
