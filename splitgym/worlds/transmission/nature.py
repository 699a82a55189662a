"""Nature of the transmission world: the task of the inference world's draw, and a reference power."""

from __future__ import annotations

import math

from splitgym.jit import jit
from splitgym.physics.random import REFERENCE_STREAM, child, uniform
from splitgym.worlds.inference.nature import fill_tasks


@jit
def fill_episode(key, tasks, recorded_s, log, p):
    """Draw an episode into ``tasks`` (1,) TASK: what a task of the inference world would be, and its reference."""
    fill_tasks(key, tasks, recorded_s, log, p)
    stretch = math.log(p.reference_max_w / p.reference_min_w)
    drawn_w = p.reference_min_w * math.exp(stretch * uniform(child(key, REFERENCE_STREAM)))
    tasks[0].reference_w = min(drawn_w, p.reference_max_w)


@jit
def task_key_of(key):
    """Key of the episode's task, from which the inference world draws its slots."""
    return child(key, 0)
