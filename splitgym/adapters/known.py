"""What wrappers of Gymnasium, stable-baselines3 and SuperSuit do to observations and actions, one row for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

#: Leaves observations and actions alone; does to observations, or to actions, what a layer does again.
PASS, OBSERVES, ACTS = "pass", "observes", "acts"
_PICTURES = "it shows pictures"
_TIME = "it changes which decisions the environment sees"
_ARRAYS = "it gives arrays of another library"
_DICTS = "it takes observations that are dictionaries"
_VECTOR = "it works on a whole batch of its own size; wrap single environments instead"

_GYMNASIUM: dict[str, str] = {
    **dict.fromkeys(("TimeLimit", "Autoreset", "PassiveEnvChecker", "OrderEnforcing", "RecordEpisodeStatistics"), PASS),
    **dict.fromkeys(("AddWhiteNoise", "ObstructView", "RenderCollection", "RecordVideo", "HumanRendering"), PASS),
    **dict.fromkeys(("ClipReward", "TransformReward", "NormalizeReward"), PASS),
    **dict.fromkeys(("DelayObservation", "DtypeObservation", "DiscretizeObservation", "FlattenObservation"), OBSERVES),
    **dict.fromkeys(("FrameStackObservation", "TransformObservation", "NormalizeObservation"), OBSERVES),
    **dict.fromkeys(("ReshapeObservation", "RescaleObservation", "TimeAwareObservation"), OBSERVES),
    **dict.fromkeys(("ClipAction", "DiscretizeAction", "TransformAction", "RescaleAction"), ACTS),
    **dict.fromkeys(("AtariPreprocessing", "GrayscaleObservation", "ResizeObservation"), _PICTURES),
    "AddRenderObservation": _PICTURES,
    "FilterObservation": _DICTS,
    **dict.fromkeys(("MaxAndSkipObservation", "StickyAction", "RepeatAction"), _TIME),
    **dict.fromkeys(("ArrayConversion", "JaxToNumpy", "JaxToTorch", "NumpyToTorch"), _ARRAYS),
}
_GYMNASIUM_VECTOR: dict[str, str] = {
    **dict.fromkeys(("DictInfoToList", "RecordEpisodeStatistics", "RecordVideo", "HumanRendering"), PASS),
    **dict.fromkeys(("TransformReward", "ClipReward", "NormalizeReward", "VectorizeTransformReward"), PASS),
    "NormalizeObservation": OBSERVES,
    **dict.fromkeys(("VectorizeTransformObservation", "TransformObservation", "FlattenObservation"), _VECTOR),
    **dict.fromkeys(("ReshapeObservation", "RescaleObservation", "DtypeObservation"), _VECTOR),
    **dict.fromkeys(("VectorizeTransformAction", "TransformAction", "ClipAction", "RescaleAction"), _VECTOR),
    **dict.fromkeys(("GrayscaleObservation", "ResizeObservation"), _PICTURES),
    "FilterObservation": _DICTS,
    **dict.fromkeys(("ArrayConversion", "JaxToNumpy", "JaxToTorch", "NumpyToTorch"), _ARRAYS),
}
#: Library -> class -> what it does: a word of the above, or why it is refused.
WRAPPERS: Mapping[str, Mapping[str, str]] = {
    "gymnasium": _GYMNASIUM,
    "gymnasium.vector": _GYMNASIUM_VECTOR,
    "stable_baselines3": {
        **dict.fromkeys(("Monitor", "VecMonitor", "VecCheckNan", "VecVideoRecorder"), PASS),
        **dict.fromkeys(("VecNormalize", "VecFrameStack"), OBSERVES),
        "VecTransposeImage": _PICTURES,
        "VecExtractDictObs": _DICTS,
    },
    "sb3_contrib": {
        "TimeFeatureWrapper": OBSERVES,
        "ActionMasker": "it has action masks of its own, where splitgym's environments have action_masks() themselves",
    },
    "supersuit": dict.fromkeys(("SB3VecEnvWrapper", "black_death_par"), PASS),
}


def library_of(wrapper: Any) -> str:
    """The library that a wrapper comes from, as :data:`WRAPPERS` names it."""
    first = type(wrapper).__module__.partition(".")[0]
    return f"{first}.vector" if first == "gymnasium" and isinstance(wrapper, gym.vector.VectorEnv) else first


def does(wrapper: Any) -> str:
    """What a wrapper does, by its very class.  Raises ``ValueError`` for one that is refused and one that is unknown.

    A class derived from a known one may do anything, so it is unknown.
    """
    name = type(wrapper).__name__
    what = WRAPPERS.get(library_of(wrapper), {}).get(name, "what it does is not known here")
    if what not in (PASS, OBSERVES, ACTS):
        raise refusal(name, what)
    return what


def refusal(name: str, why: str) -> ValueError:
    """That a model behind a wrapper cannot be evaluated as it is, and how to go on."""
    return ValueError(
        f"the model's environment is wrapped in {name}: {why}. If it changes neither observations nor actions, hand "
        "the environment without it: splitgym.policy_from(model, env=...). If it does, do what it does in a function "
        "of your own: splitgym.policy_from(lambda observations: ..., action=...)"
    )
