"""Run folders and trained agents: written atomically, read back without running anybody's code.

A run folder holds ``config.json``, ``model.zip`` (the end), ``checkpoints/step_*.zip`` and ``tensorboard/``.  The zip
files are stable-baselines3's own, which contain pickles; :func:`load_agent` leaves those alone, builds the networks
from ``config.json`` and reads only their weights.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import pickle
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from splitgym.adapters.layers import Normalised
from splitgym.agents.agent import Agent, Behind, SharedAgent
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import CONFIG_FILE, TrainConfig, load_config
from splitgym.agents.exported import SUFFIX, load_exported
from splitgym.agents.seeds import holds_seeds, read_seeds, run_of
from splitgym.agents.stopped import stopped
from splitgym.agents.zoo import is_zoo, zoo_file
from splitgym.checks import file_path, switch
from splitgym.encodings import encoding_of
from splitgym.extras import need
from splitgym.files import write_atomically
from splitgym.quoting import cut, listed, shown, tamed
from splitgym.reading import has_suffix
from splitgym.specs import command_line

MODEL_FILE = "model.zip"
#: The weights that did best on the validation episodes, and the curve of the validation.
BEST_FILE, VALIDATION_FILE = "best.zip", "validation.json"
CHECKPOINTS = "checkpoints"


def load_agent(path: str | Path, env: Any = None, *, trust: bool = False, device: str = "cpu") -> Agent:
    """A trained agent from a run folder, a zip file of one, or an export.

    Args:
        path: run folder of ``splitgym train``, which stands for the weights that did best in its validation, else for
            its end, else for its newest checkpoint; or one of its files: ``best.zip``, ``model.zip`` (the end),
            ``checkpoints/step_....zip``; or a file of ``splitgym export``, which is played without torch; or
            ``zoo:NAME``, one that ships with the package.
        env: if given, the agent is checked against it, see :meth:`Agent.check`.
        trust: also load stable-baselines3 zip files of other origin.  Loading them runs code that they contain.
        device: torch device.

    Raises ``ValueError`` for a path without a model, an unknown name, a damaged or foreign file, and an environment
    that does not fit; ``DependencyNotInstalled`` without the extra ``[agents]``, or ``[zoo]`` for an exported file.
    """
    trust = switch("trust", trust)
    file = model_file(path)
    folder = run_folder(file)
    if has_suffix(file, SUFFIX):
        agent = load_exported(file, str(path) if is_zoo(path) else file.stem)
    elif folder is None:
        check_device(device)
        if not trust:
            raise ValueError(
                f"{str(file)!r} has no {CONFIG_FILE} of 'splitgym train' beside it. Model files of other origin hold "
                "pickles, and loading them runs whatever code their author put in; if you trust the author, pass "
                "trust=True (command line: --trust)"
            )
        agent = _load_foreign(file, device)
    else:
        check_device(device)
        agent = _load_ours(file, folder, device)
    if env is not None:
        agent.check(env)
    return agent


def check_device(device: Any) -> None:
    """Raise ``ValueError`` unless torch has such a device here."""
    torch = need("torch", "agents")
    try:
        if not isinstance(device, (str, torch.device)):
            raise TypeError("it is not a text")
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        why = _short(error).partition(". ")[0]
        raise ValueError(
            f"device must be a device that torch has here, such as 'cpu', got {shown(device)}: {why}"
        ) from None


def _short(error: Exception) -> str:
    """What a library says at length, on one line."""
    return cut(" ".join(str(error).split()), 200)


def run_folder(file: Path) -> Path | None:
    """Folder of the run that a model file belongs to, or ``None``."""
    near = [file.parent, *([file.parent.parent] if file.parent.name == CHECKPOINTS else [])]
    return next((folder for folder in near if (folder / CONFIG_FILE).is_file()), None)


def steps_of(file: Path) -> int | None:
    """After how many steps a model was saved; ``None`` where no whole one is."""
    with contextlib.suppress(ValueError):
        return int(read_weights(file, "cpu")[1]["num_timesteps"])
    return None


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of a run with the most steps, or ``None``."""
    return max((folder / CHECKPOINTS).glob("step_*.zip"), default=None)


def newest_whole(folder: Path) -> Path | None:
    """The end of a run, or else its newest checkpoint, that is not damaged; ``None`` if there is neither.

    Says on standard error which are passed over.  Raises ``ValueError`` naming all if none is whole.
    """
    files = [*sorted((folder / CHECKPOINTS).glob("step_*.zip")), *filter(Path.is_file, [folder / MODEL_FILE])][::-1]
    for place, file in enumerate(files):
        with contextlib.suppress(ValueError):
            read_weights(file, "cpu")
            if place:
                _tell(f"note: {folder}: {_names(files[:place])} damaged; using {file.name}, the newest whole one")
            return file
    if files:
        each = "each of " * (len(files) > 1)
        raise ValueError(
            f"run {str(folder)!r}: {each}{_names(files, 'is')} not a whole stable-baselines3 model; train it again, "
            "with --overwrite"
        )
    return None


def _names(files: Sequence[Path], verb: str = "") -> str:
    shown = ", ".join(file.name for file in files[:10]) + f" and {len(files) - 10} more" * (len(files) > 10)
    return f"{shown} {verb or ('is' if len(files) == 1 else 'are')}"


@functools.cache
def _tell(words: str) -> None:
    """Say something on standard error, once."""
    print(tamed(words), file=sys.stderr)


def model_file(path: str | Path) -> Path:
    """The file that ``load_agent`` reads for a path; raises ``ValueError`` if there is none that is whole."""
    if is_zoo(path):
        return zoo_file(str(path))
    path = file_path("path", path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"no such model: {str(path)!r}; give a run folder of 'splitgym train' or a .zip file in it")
    if holds_seeds(path):
        raise ValueError(
            f"{str(path)!r} holds runs of several training seeds, which only an evaluation takes as one policy; name "
            f"one of them: {run_of(path, read_seeds(path)[0])}"
        )
    config = load_config(path)  # says what is wrong with a folder that is no run
    best = _best_whole(path, config)
    if best is not None:
        return best
    newest = newest_whole(path)
    if newest is None:
        again = command_line("train", "--resume", path)
        raise ValueError(f"run {str(path)!r} holds no model and no checkpoint yet; train it: {again}")
    return newest


def _best_whole(folder: Path, config: TrainConfig) -> Path | None:
    """The weights of a run that did best in validation, unless there are none or damaged ones; says so."""
    best = folder / BEST_FILE
    if not best.is_file():
        return None
    steps, end = steps_of(best), folder / MODEL_FILE
    if steps is None:
        _tell(f"note: {folder}: {BEST_FILE} is damaged; using the newest weights")
        return None
    last = f"the last weights are {end}" if end.is_file() else f"the newest weights are in {folder / CHECKPOINTS}"
    _tell(
        f"note: {folder}: {BEST_FILE}, after {steps} of {config.steps} steps, did best in validation and plays; {last}"
    )
    return best


def save_model(model: Any, path: Path) -> None:
    """Save a stable-baselines3 model (weights, optimiser, step counter) atomically."""
    buffer = io.BytesIO()
    model.save(buffer)
    write_atomically(path, buffer.getvalue(), inside=path.parent)


def read_weights(file: Path, device: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """State dictionaries and plain values of a stable-baselines3 zip, without unpickling anything.

    Raises ``ValueError`` for a damaged file.
    """
    load = need("stable_baselines3.common.save_util", "agents").load_from_zip_file
    try:
        _, weights, variables = load(str(file), load_data=False, device=device)
        with zipfile.ZipFile(file) as archive:
            plain = json.loads(archive.read("data"))
        if not {"num_timesteps", "_n_updates"} <= set(plain) or "policy" not in weights:
            raise ValueError("it lacks weights or settings")
    except Exception as error:  # whatever a damaged archive makes zipfile, zlib, json and torch raise
        reason = _short(error) or type(error).__name__
        raise ValueError(f"{str(file)!r} is not a whole stable-baselines3 model: {reason}") from error
    if variables:
        weights["pytorch_variables"] = variables
    return weights, plain


@contextlib.contextmanager
def fits(file: Path, folder: Path) -> Iterator[None]:
    """Load weights inside.  Raises ``ValueError`` if they are not those of the networks that the run describes."""
    try:
        yield
    except (KeyError, ValueError, RuntimeError, AttributeError) as error:
        raise ValueError(f"{str(file)!r} does not fit {str(folder / CONFIG_FILE)!r}: {_short(error)}") from error


def policy_arguments(config: TrainConfig) -> dict[str, Any]:
    """``policy_kwargs`` of a configuration."""
    own = {name: config.hyper[name] for name in ALGORITHMS[config.algo].networks}
    return {"net_arch": list(config.net or ()), **own}


def _load_ours(file: Path, folder: Path, device: str) -> Agent:
    config = load_config(folder)
    algorithm = ALGORITHMS[config.algo]
    weights, plain = read_weights(file, device)
    observed, acted = config.spaces()
    cls = algorithm.load_policy()
    noise = {"use_sde": True} if config.hyper.get("use_sde") else {}  # its weights have another shape
    policy = cls(observed, acted, lambda progress: 0.0, **noise, **policy_arguments(config)).to(device)
    with fits(file, folder):
        policy.load_state_dict(weights["policy"])
    policy.set_training_mode(False)
    plays = BEST_FILE if (folder / BEST_FILE).is_file() else MODEL_FILE
    name = folder.resolve().name if file.name == plays else f"{folder.resolve().name}/{file.stem}"
    kind = SharedAgent if config.agents else Agent
    agent = kind(policy, name, str(config.action), algorithm.masks, config)
    agent.steps, end = int(plain["num_timesteps"]), stopped(folder)
    if end is not None and (agent.steps == end.steps or file.name == BEST_FILE):
        agent.stopped = str(end)
        _tell(f"note: {folder}: {end}; {file.name} is where it stands")
    return agent


def _load_foreign(file: Path, device: str) -> Agent:
    _, plain = read_weights(file, device)
    algorithm = ALGORITHMS[_guess(plain, file)]
    model = algorithm.load().load(str(file), device=device)
    action = encoding_of(model.action_space)
    if not action:
        raise ValueError(f"{str(file)!r} acts in {model.action_space}, which no encoding of splitgym gives")
    agent = Agent(model.policy, file.stem, action, algorithm.masks, None)
    statistics = _statistics(file)
    if statistics is not None:
        agent.beside = (statistics.read_bytes(),)
        agent.policy = Behind(model.policy, Normalised(_unpickled(statistics), model.observation_space))
    elif getattr(model, "_last_original_obs", None) is not None:
        raise ValueError(
            f"{str(file)!r} was trained behind VecNormalize; put its statistics beside it, as 'vecnormalize.pkl'"
        )
    return agent


def _statistics(file: Path) -> Path | None:
    """The file of ``VecNormalize`` that belongs to a model: beside it, or where rl_zoo3 and checkpoints have it."""
    own = re.sub(r"_(\d+_steps)$", r"_vecnormalize_\1", file.stem)
    near = [file.with_name(f"{own}.pkl"), file.with_name("vecnormalize.pkl"), *file.parent.glob("*/vecnormalize.pkl")]
    found = [path for path in near if path.is_file()]
    if len(found) > 1 and found[0] != near[0]:
        raise ValueError(f"{str(file)!r} has several statistics near it: {listed(map(str, found))}; leave one there")
    return found[0] if found else None


def _unpickled(file: Path) -> Any:
    """A ``VecNormalize`` without its environment; whoever comes here has trusted the author."""
    kind = need("stable_baselines3.common.vec_env", "agents").VecNormalize
    try:
        made = pickle.loads(file.read_bytes())
    except Exception as error:  # whatever a damaged pickle raises
        raise ValueError(f"{str(file)!r} is not a whole VecNormalize: {_short(error)}") from error
    if not isinstance(made, kind):
        raise ValueError(f"{str(file)!r} holds {type(made).__name__}, not VecNormalize")
    return made


def _guess(plain: dict[str, Any], file: Path) -> str:
    """Algorithm of a stable-baselines3 model, by the settings that only it has."""
    buffer = plain.get("rollout_buffer_class")
    if "clip_range" in plain:
        masked = isinstance(buffer, dict) and "maskable" in str(buffer.get("__module__"))
        return "recurrent-ppo" if "_last_lstm_states" in plain else "maskable-ppo" if masked else "ppo"
    signs = {
        "exploration_rate": "dqn",
        "top_quantiles_to_drop_per_net": "tqc",
        "target_entropy": "sac",
        "policy_delay": "td3",
        "gae_lambda": "a2c",
    }
    for key, algo in signs.items():
        if key in plain:
            return algo
    raise ValueError(f"{str(file)!r} was trained by an unknown algorithm (known: {', '.join(ALGORITHMS)})")
