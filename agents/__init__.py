"""Training of RL agents (stable-baselines3) on splitgym; installed as ``splitgym.agents``, extra ``[agents]``."""
