"""Split DNN inference as Gymnasium environments, published controllers as baselines, and honest evaluation."""

from __future__ import annotations

import importlib as _importlib
import warnings as _warnings
from typing import TYPE_CHECKING, Any

from splitgym import beginning as _beginning  # noqa: F401 (before what takes long)
from splitgym import links as _links  # noqa: F401 (before its packages are imported)
from splitgym import plugins as _plugins
from splitgym.envs import parallel_env, register_envs, register_world
from splitgym.plugins import load_plugin
from splitgym.version import __version__ as __version__

if TYPE_CHECKING:
    from splitgym.adapters import per_device, policy_from
    from splitgym.agents.checkpoint import load_agent
    from splitgym.agents.config import TrainConfig
    from splitgym.agents.exporting import export_agent
    from splitgym.agents.learning import learning_curves
    from splitgym.agents.seed_runs import train_seeds
    from splitgym.agents.training import train
    from splitgym.agents.tuning import tune
    from splitgym.baselines.dpp_fit import fit
    from splitgym.encodings import register_encoding
    from splitgym.evaluation import (
        Bound,
        Clairvoyant,
        Results,
        Stability,
        SuiteResults,
        Sweep,
        bound,
        bounds,
        clairvoyant,
        evaluate,
        evaluate_suite,
        stability,
        sweep,
    )
    from splitgym.folders import add_hardware, add_presets, add_profiles, add_suites
    from splitgym.offline import record_dataset
    from splitgym.policy import Policy, make_policy, policy_names, register_policy
    from splitgym.profiles import DnnProfile, load_profile, profile_names
    from splitgym.profiling import profile
    from splitgym.randomising import randomised
    from splitgym.scenarios import load_scenario, preset_names
    from splitgym.suites import load_suite, suite_names
    from splitgym.traces.arrivals import arrivals
    from splitgym.traces.fading import fading
    from splitgym.warming import warmup
    from splitgym.worlds.hardware.fitting import fit_hardware

__all__ = [
    "Bound",
    "Clairvoyant",
    "DnnProfile",
    "Policy",
    "Results",
    "Stability",
    "SuiteResults",
    "Sweep",
    "TrainConfig",
    "add_hardware",
    "add_presets",
    "add_profiles",
    "add_suites",
    "arrivals",
    "bound",
    "bounds",
    "clairvoyant",
    "evaluate",
    "evaluate_suite",
    "export_agent",
    "fading",
    "fit",
    "fit_hardware",
    "learning_curves",
    "load_agent",
    "load_plugin",
    "load_profile",
    "load_scenario",
    "load_suite",
    "make_policy",
    "parallel_env",
    "per_device",
    "policy_from",
    "policy_names",
    "preset_names",
    "profile",
    "profile_names",
    "randomised",
    "record_dataset",
    "register_encoding",
    "register_envs",
    "register_policy",
    "register_world",
    "stability",
    "suite_names",
    "sweep",
    "train",
    "train_seeds",
    "tune",
    "warmup",
]

register_envs()
#: What takes time to import (Numba, evaluation's scipy) and comes when it is asked for: name -> where it is.
_LATER = {
    **dict.fromkeys(("Bound", "Clairvoyant", "Results", "Stability", "SuiteResults", "Sweep"), "splitgym.evaluation"),
    **dict.fromkeys(("bound", "bounds", "clairvoyant", "evaluate"), "splitgym.evaluation"),
    **dict.fromkeys(("evaluate_suite", "stability", "sweep"), "splitgym.evaluation"),
    **dict.fromkeys(("add_hardware", "add_presets", "add_profiles", "add_suites"), "splitgym.folders"),
    **dict.fromkeys(("DnnProfile", "load_profile", "profile_names"), "splitgym.profiles"),
    **dict.fromkeys(("Policy", "make_policy", "policy_names", "register_policy"), "splitgym.policy"),
    **dict.fromkeys(("load_scenario", "preset_names"), "splitgym.scenarios"),
    "arrivals": "splitgym.traces.arrivals",
    "fading": "splitgym.traces.fading",
    "register_encoding": "splitgym.encodings",
    "fit": "splitgym.baselines.dpp_fit",
    "fit_hardware": "splitgym.worlds.hardware.fitting",
    "profile": "splitgym.profiling",
    "randomised": "splitgym.randomising",
    "record_dataset": "splitgym.offline",
    **dict.fromkeys(("per_device", "policy_from"), "splitgym.adapters"),
    **dict.fromkeys(("load_suite", "suite_names"), "splitgym.suites"),
    "TrainConfig": "splitgym.agents.config",
    "export_agent": "splitgym.agents.exporting",
    "learning_curves": "splitgym.agents.learning",
    "load_agent": "splitgym.agents.checkpoint",
    "train": "splitgym.agents.training",
    "train_seeds": "splitgym.agents.seed_runs",
    "tune": "splitgym.agents.tuning",
    "warmup": "splitgym.warming",
}
#: Modules with public names of their own, which ``import splitgym`` alone lets be written.
_MODULES = ("encodings", "policy", "profiles", "scenarios", "traces", "worlds")
_BEFORE_0_2 = ("Hardware", "Inference", "MultiUser", "Placement", "Transmission")
#: What stood here before 0.2 -> where it is.
_MOVED = {
    **dict.fromkeys(("HardwareProfile", "hardware_names", "load_hardware"), "splitgym.profiles"),
    **dict.fromkeys([f"{w}Scenario" for w in _BEFORE_0_2], "splitgym.scenarios"),
    **dict.fromkeys([f"{w}Trace" for w in _BEFORE_0_2], "splitgym.traces"),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(_importlib.import_module(_LATER[name]), name)
    if name in _MOVED:
        place = _MOVED[name]
        told = f"splitgym.{name} is now {place}.{name}: write 'from {place} import {name}'"
        _warnings.warn(told, DeprecationWarning, stacklevel=2)
        return getattr(_importlib.import_module(place), name)
    if name in _MODULES:
        return _importlib.import_module(f"splitgym.{name}")
    raise AttributeError(f"module 'splitgym' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_plugins.ready()
