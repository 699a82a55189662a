"""Compiling beforehand: what the first steps of environments need is made and stored before somebody waits for it."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import gymnasium as gym

from splitgym.checks import items, switch
from splitgym.encodings import ENCODINGS, is_shipped
from splitgym.policy import policy_names
from splitgym.progress import Progress, progress_of, telling
from splitgym.quoting import shown
from splitgym.registry import unknown
from splitgym.worlds.shipped import SHIPPED
from splitgym.worlds.world import fixed_by


class Warmth(NamedTuple):
    """What :func:`warmup` has done: functions compiled, the folder that keeps them, the time taken [s]."""

    compiled: int
    folder: str
    seconds: float

    def __str__(self) -> str:
        """One line."""
        done = f"{self.compiled} functions compiled" if self.compiled else "nothing was left to compile"
        return f"{done} in {self.seconds:.1f} s; the machine code is kept in {self.folder}"


def warmup(
    env_ids: str | Iterable[str] = (),
    policies: str | Iterable[str] = (),
    *,
    bound: bool = False,
    progress: Progress | bool | None = None,
) -> Warmth:
    """Compile and store what the first steps of environments need; what is stored already takes no time.

    An interruption loses the function that is being compiled; those before it are kept.

    Args:
        env_ids: one or several ids, single and as a batch, with every action encoding; by default the shipped ones.
        policies: one or several policies whose decisions are compiled, too, in the environments that they play;
            ``"all"``: every one.
        bound: compile the bounds of returns, too.
        progress: as for :func:`splitgym.evaluate`.

    Raises:
        ValueError: an unknown environment or policy; a policy that plays none of the environments; no folder in which
            machine code could be kept; Numba's compiler is switched off.
    """
    ids = _names("env_ids", env_ids) or [known.env_id for known in SHIPPED.values()]
    chosen, bound, progress = _names("policies", policies), switch("bound", bound), progress_of(progress)
    jobs = dict(_jobs(ids, chosen, bound))
    folder, since = _folder(), time.monotonic()
    with telling(progress, len(jobs)) as tell, _counted() as count:
        for name, job in jobs.items():
            if tell is not None:
                tell(name, 0.0)
            job()
            if tell is not None:
                tell(name, 1.0)
    return Warmth(count(), folder, time.monotonic() - since)


def _names(what: str, given: Any) -> list[str]:
    names = [given] if isinstance(given, str) else items(what, given, "names", fewest=0)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"{what} must be names, got {shown(name)}")
    return list(dict.fromkeys(names))


def _folder() -> str:
    from splitgym import jit

    if jit.config.DISABLE_JIT:
        raise ValueError("nothing can be compiled while NUMBA_DISABLE_JIT is set; unset it")
    folder = jit.cache_folder()
    if folder is None:
        raise ValueError(
            "there is no folder of your own to keep machine code in; "
            "set NUMBA_CACHE_DIR to one that only you can write to"
        )
    return str(folder)


@contextlib.contextmanager
def _counted() -> Iterator[Callable[[], int]]:
    """How many functions have been stored since; the bar says that it takes long."""
    from splitgym.jit_cache import Cache
    from splitgym.jit_patience import PATIENCE

    before = Cache.stored
    with PATIENCE.silent():
        yield lambda: Cache.stored - before


def _jobs(ids: list[str], policies: list[str], bound: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is compiled, by the name that the bar shows."""
    playing = {env_id: _playing(env_id, policies) for env_id in ids}
    for policy in policies:
        if policy != "all" and not any(policy in chosen for chosen in playing.values()):
            if _name(policy) not in policy_names():
                raise unknown("policy", policy, policy_names(), own=True)
            raise ValueError(f"policy {shown(policy)} plays none of {', '.join(ids)}")
    for env_id in ids:
        yield env_id, functools.partial(_step, gym.make, env_id)
        yield f"{env_id}, batch", functools.partial(_step, gym.make_vec, env_id, num_envs=2)
        for policy in playing[env_id]:
            yield f"{env_id}, {policy}", functools.partial(_evaluate, policy, env_id)
        if bound:
            yield f"{env_id}, bound", functools.partial(_evaluate, "random", env_id, bound=True)


def _playing(env_id: str, policies: list[str]) -> list[str]:
    """Those of the policies that play an environment.  Raises ``ValueError`` for an unknown one."""
    fixed_by(env_id)
    known = policy_names(env_id)
    return known if "all" in policies else [policy for policy in policies if _name(policy) in known]


def _name(policy: str) -> str:
    return policy.partition(":")[0]


def _step(make: Callable[..., Any], env_id: str, **given: Any) -> None:
    """A first step with every encoding that the id leaves open."""
    fixed = fixed_by(env_id)
    for way in (
        [{}] if "action" in fixed else [{"action": action} for action in ENCODINGS if is_shipped(ENCODINGS[action])]
    ):
        env = make(env_id, **given, **way)
        env.reset(seed=0)
        env.step(env.action_space.sample())
        env.close()


def _evaluate(policy: str, env_id: str, bound: bool = False) -> None:
    """Two episodes; for one, the policies decide without a batch."""
    from splitgym.evaluation import evaluate

    for episodes in (1, 2):
        evaluate(policy, env_id, episodes=episodes, bound=bound, workers=1, progress=False)
