"""What can be evaluated: registered names, trained agents by path, and policy objects, behind one face."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.adapters.foreign import adapted, name_of
from splitgym.checks import items, switch, table
from splitgym.digests import digest
from splitgym.encodings import ENCODINGS, is_shipped
from splitgym.named_files import NamedFile, mentioned_file, mentioned_folder, named_files, plain_digests, renamed
from splitgym.names import check_label
from splitgym.origins import SAY_IT, Origin, origin
from splitgym.policy import POLICIES, ZOO, check_parameters, load_baselines, make_policy
from splitgym.quoting import listed
from splitgym.quoting import shown as quoted
from splitgym.reading import has_suffix
from splitgym.specs import pair_of, parameters_of, parts_of
from splitgym.worlds.world import World

_WANTED = "registered names, paths of trained agents, zoo:NAME or models"


@dataclasses.dataclass(frozen=True)
class Contender:
    """A policy to be evaluated.

    ``make(env)`` gives a fresh policy for an environment that was made with encoding ``action`` and the episode
    options; ``agent`` marks trained ones, which are never taken as the best baseline.  ``spec`` is the text that
    :func:`contender` made it from, if any; ``identity`` digests all that its decisions depend on, empty: unknown,
    for the reason ``doubt``.  ``files`` are those that the text names, and ``kept_spec`` is the text that finds them
    again, or a trained model, from elsewhere.  ``shared``: whether threads may play several of it at once, each with a
    policy of its own; so of those that come with the package.  ``family`` is the policy that it is a training seed of,
    ``training_seed`` which.
    """

    name: str
    action: str
    episode_options: Mapping[str, Any]
    agent: bool
    make: Callable[[Any], Any]
    spec: str = ""
    identity: str = ""
    doubt: str = ""
    files: tuple[NamedFile, ...] = ()
    kept_spec: str = ""
    note: str = ""
    shared: bool = False
    family: str = ""
    training_seed: int = 0

    @property
    def policy(self) -> str:
        """The policy that it is evaluated as."""
        return self.family or self.name


@dataclasses.dataclass(frozen=True)
class Named:
    """A policy under the name that its user gives it."""

    name: str
    policy: Any


def contender(policy: Any, world: str = "inference", *, trust: bool = False) -> Contender:
    """A :class:`Contender` for a world from a registered name, a trained model's path, or a model.

    A model is what :func:`splitgym.policy_from` takes.
    A name may carry parameters: ``"enachi:eta=0.8"``, ``"dynasplit:search=random,search_seed=3"``; values are read as
    TOML, plain words as strings.  Own randomness has seed 0 unless another is given: ``"random:seed=1"``.  Raises
    ``ValueError`` for an unknown name or a path that holds no model, ``TypeError`` for anything else.
    """
    if isinstance(policy, Named):
        return dataclasses.replace(contender(policy.policy, world, trust=trust), name=policy.name)
    if isinstance(policy, (str, Path)):
        load_baselines()
        shown = str(policy)
        of_zoo = shown.startswith(f"{ZOO}:")
        if not of_zoo and (shown.partition(":")[0] in POLICIES or not _looks_like_path(shown)):
            return _registered(shown, world)
        from splitgym.agents.checkpoint import load_agent, model_file

        file = model_file(shown)
        weights = file.read_bytes()
        agent = load_agent(shown if of_zoo else file, trust=trust)
        if file.read_bytes() != weights:
            raise ValueError(f"{file} is being written by a training; try again when it has ended")
        code = _code_of(agent)
        identity = digest(weights, _config(agent), *filter(None, [code.text]), *agent.beside)
        made = _of_object(agent, shown, "" if code.doubt else identity)
        return dataclasses.replace(made, kept_spec=shown if of_zoo else os.path.abspath(shown))
    said = str(getattr(policy, "identity", ""))
    return _of_object(adapted(policy), "", said and digest(type(policy).__qualname__, said))


def _code_of(agent: Any) -> Origin:
    """The origin of the classes that a stranger's model is made of; its file holds their names only."""
    if agent.config is not None:
        return Origin("")
    kinds = {type(module) for module in agent.policy.modules()}
    return origin(tuple(sorted(kinds, key=lambda kind: (kind.__module__, kind.__qualname__))))


def _config(agent: Any) -> dict[str, Any]:
    """What a trained agent's configuration decides, its scenario by digest."""
    if agent.config is None:
        return {}
    first, *others = [scenario.digest() for scenario in agent.config.scenarios]
    return {**vars(agent.config), "scenario": first, "more_scenarios": others}


def _registered(shown: str, world: str) -> Contender:
    name, _, given = shown.partition(":")
    kind: Any = POLICIES[name]
    options = kind.options_for(world) if hasattr(kind, "options_for") else getattr(kind, "episode_options", {})
    parameters = parameters_of(given, f"policy {quoted(shown)}")
    parameters = {key: mentioned_file(value) for key, value in parameters.items()}
    kept_spec = f"{name}:{','.join(_kept_pairs(given, parameters))}" if given else name
    action = getattr(kind, "action", "dict")
    beside = kind.depends_on(parameters) if hasattr(kind, "depends_on") else ()
    found = [origin(part) for part in (kind, *beside, *([ENCODINGS[action]] if action in ENCODINGS else []))]
    folder = mentioned_folder(parameters.values(), plain=not _is_ours(kind))
    doubt = next((one.doubt for one in found if one.doubt), folder)
    texts = [*(one.text for one in found), *plain_digests(parameters.values())]
    shared = _is_ours(kind) and not beside and is_shipped(ENCODINGS[action])
    return Contender(
        shown,
        action,
        dict(options),
        False,
        functools.partial(_made, name, parameters, _is_ours(kind)),
        shown,
        "" if doubt else digest(kept_spec, sorted(options.items()), *texts),
        f"policy {shown!r} cannot be known again by a store: {doubt}; {SAY_IT}" if doubt else "",
        tuple(named_files(parameters)),
        kept_spec,
        shared=shared,
    )


def _kept_pairs(given: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """The parameters as they were given, with the names under which their files are kept."""
    for pair in parts_of(given):
        key = pair.partition("=")[0].strip()
        value = parameters[key]
        yield pair_of(key, renamed(value)) if named_files(value) else pair


def _of_object(policy: Any, spec: str, identity: str) -> Contender:
    name = name_of(policy)
    options = dict(getattr(policy, "episode_options", {}))
    doubt = (
        f"policy {name!r} is an object that a store cannot know again; give a registered name or a path, or {SAY_IT}"
    )
    made = Contender(name, policy.action, options, True, functools.partial(_checked, policy), spec, identity, doubt)
    return dataclasses.replace(made, note=str(getattr(policy, "stopped", "")))


def contenders_of(policies: Any, world: World, *, trust: bool = False) -> list[Contender]:
    """Contenders from one policy or several; raises ``ValueError`` for none and for two of one name."""
    trust = switch("trust", trust)
    groups = [_members(policy, world.name, trust) for policy in policies_given(policies)]
    contenders = [c for group in groups for c in group]
    for c in contenders:
        check_label("the name of a policy", c.name)
    names = [group[0].policy for group in groups]
    if len(set(names)) != len(names) or len({c.name for c in contenders}) != len(contenders):
        raise ValueError(
            f"policies need different names, got {listed(names)}; give names of your own, as a dictionary: "
            '{"mine": model, "other": model2}'
        )
    return contenders


def _members(policy: Any, world: str, trust: bool) -> list[Contender]:
    """The contender of a policy, or one for each training seed of the folder of several."""
    from splitgym.agents.seeds import holds_seeds, trained_runs

    path, name = (policy.policy, policy.name) if isinstance(policy, Named) else (policy, "")
    if not isinstance(path, (str, Path)) or not holds_seeds(path):
        return [contender(policy, world, trust=trust)]
    family = name or Path(path).resolve().name
    runs = trained_runs(path)
    return [
        dataclasses.replace(
            contender(Named(f"{family}/s{seed}", str(run)), world, trust=trust), family=family, training_seed=seed
        )
        for seed, run in runs.items()
    ]


def policies_given(policies: Any) -> list[Any]:
    """One policy, several in a list, or names with policies in a dictionary, as a list.

    Raises ``ValueError`` for what is none of these, for none at all, and for what cannot be a name.
    """
    if isinstance(policies, Mapping):
        named = [Named(check_label("the name of a policy", name), p) for name, p in table("policies", policies).items()]
        return items("policies", named, _WANTED)
    if isinstance(policies, (str, Path)) or hasattr(policies, "predict") or callable(policies):
        return [policies]
    return items("policies", policies, _WANTED)


def _checked(policy: Any, env: Any) -> Any:
    """A trained agent refuses an environment that it cannot play."""
    if hasattr(policy, "check"):
        policy.check(env)
    return policy


def _made(name: str, parameters: Mapping[str, Any], ours: bool, env: Any) -> Any:
    """A policy with its parameters.  Raises ``ValueError`` for one that it lacks, naming those that it has."""
    check_parameters(name, parameters)
    if not ours:  # it opens its files itself
        for file in named_files(dict(parameters)):
            file.check_unchanged()
    return make_policy(name, env, **parameters)


def _is_ours(kind: Any) -> bool:
    """Whether a policy comes with the package."""
    return getattr(kind, "__module__", "").startswith("splitgym.")


def _looks_like_path(name: str) -> bool:
    if "/" in name or "\\" in name or has_suffix(name, ".zip") or has_suffix(name, ".safetensors"):
        return True
    try:
        return Path(name).is_dir()
    except OSError:  # too long for a name
        return False


def act(policy: Any, observations: np.ndarray, masks: np.ndarray, state: Any, starts: np.ndarray) -> tuple[Any, Any]:
    """One batch of decisions; policies that say so (``uses_masks``) get the action masks."""
    if getattr(policy, "uses_masks", False):
        return policy.predict(observations, state=state, episode_start=starts, action_masks=masks, deterministic=True)
    return policy.predict(observations, state=state, episode_start=starts, deterministic=True)
