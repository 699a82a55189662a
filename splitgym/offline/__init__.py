"""Offline data: episodes of policies as a Minari data set, from which offline RL learns; extra ``[offline]``."""

from __future__ import annotations

from splitgym.offline.dataset import record_dataset

__all__ = ["record_dataset"]
