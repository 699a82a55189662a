"""A class of its own for each environment id, so that ``help`` of an environment shows the page of its world.

``splitgym.envs.named.SplitInferenceEnv`` and its sisters are made when they are asked for, one for each world that is
registered, by worlds outside of the package too.  They differ from :class:`SplitEnv` by their name and docstring alone.
"""

from __future__ import annotations

from splitgym.envs.describe import PageOf
from splitgym.envs.single import SplitEnv
from splitgym.worlds.world import known_worlds


def __getattr__(name: str) -> type[SplitEnv]:
    for world, known in known_worlds().items():
        if known.class_name == name:
            made = type(name, (SplitEnv,), {"__module__": __name__, "__doc__": PageOf(world), "of": world})
            globals()[name] = made  # where pickle finds it
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
