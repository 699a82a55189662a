"""Agents: training, checkpoints, adapters."""
