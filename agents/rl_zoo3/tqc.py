"""Settings of ``--algo tqc`` for rl_zoo3."""

from splitgym.agents.rl_zoo3 import hyperparams_of

hyperparams = hyperparams_of("tqc")
