"""RLlib."""

from __future__ import annotations

import ray
import torch

from tests.recipes import never_masked, recipe


def masks() -> str:
    """RLlib's own masking module, trained for a batch on the native batch with the mask beside the observation."""
    made = recipe("rllib_masks")
    torch.set_num_threads(1)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    algorithm = made.config(seed=1).build_algo()
    algorithm.train()
    words = never_masked(made.policy(algorithm.get_module()))
    algorithm.stop()
    ray.shutdown()
    return f"`ActionMaskingTorchRLModule`: {words}"
