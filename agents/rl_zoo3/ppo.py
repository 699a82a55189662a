"""Settings of ``--algo ppo`` for rl_zoo3."""

from splitgym.agents.rl_zoo3 import hyperparams_of

hyperparams = hyperparams_of("ppo")
