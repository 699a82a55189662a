"""Faults of version 0.1.0 as they were reported: numbers, units, files of numbers.  Each test fails there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import splitgym
from splitgym.policy import Policy
from splitgym.profiles import load_hardware, load_profile
from splitgym.worlds.hardware import HardwareTrace
from splitgym.worlds.inference import InferenceTrace
from splitgym.worlds.world import WORLDS
from tests.helpers import native, sampled, single
from tests.version_0_1.reported import instants

unusual = pytest.mark.filterwarnings("ignore")  # what is let through is judged by its figures


# ------------------------------------------------------------------ D1: what is accepted gives finite numbers
def play(world: str, **changes: Any) -> None:
    """Every step of some episodes is finite and inside its space; raises ``ValueError`` where it is refused."""
    envs = native(32, world, WORLDS[world].load_scenario("default", **changes), "box")
    observations, infos = envs.reset(seed=0)
    with np.errstate(invalid="raise"):
        for actions in sampled(envs.action_space, 40, seed=0):
            assert envs.single_observation_space.shape == observations.shape[1:]
            space: Any = envs.single_observation_space
            assert ((observations >= space.low) & (observations <= space.high)).all()
            observations, rewards, _, _, infos = envs.step(actions)
            assert np.isfinite(rewards).all()
            for name, column in infos.items():
                if column.dtype.kind == "f":
                    assert np.isfinite(column).all(), name
                    assert not (name.startswith(("energy", "latency")) and (column < 0.0).any()), name


def head(**changes: Any) -> dict[str, Any]:
    """The shipped hardware profile with a changed edge device."""
    profile = load_hardware("vgg16").to_dict()
    profile["edge"].update(changes)
    return profile


def network(**changes: Any) -> dict[str, Any]:
    profile = load_profile("resnet50").to_dict()
    profile.update(changes)
    return profile


D1: list[tuple[str, dict[str, Any]]] = [
    ("inference", {"fading.parameters.coherence_s": 1e15}),
    ("hardware", {"requests.weibull_shape": 0.001}),
    ("hardware", {"hardware": head(pipeline_s=-0.01)}),
    ("inference", {"radio.distance_m": 1e100}),
    ("inference", {"radio.distance_m": 1e-300}),
    ("inference", {"device.kappa_f": 1e280}),
    ("inference", {"budget.debt_price": 1e308}),
    ("inference", {"dnn": network(input_shape=[])}),
    ("placement", {"applications.slack_min": 1e-308}),
    ("inference", {"tasks.deadline_max_s": 1.7e308}),
]


@unusual
@pytest.mark.parametrize(("world", "changes"), D1, ids=[next(iter(c)) + f" {i}" for i, (_, c) in enumerate(D1)])
def test_d1_accepted_then_not_finite(world, changes):
    try:
        play(world, **changes)
    except ValueError as error:
        refused = str(error)
    else:
        return
    assert re.search(r"must (be|have) |comes to", refused)


def test_d1_both_limits_are_told_with_the_unit():
    for value in (1e100, 1e-300):
        with pytest.raises(ValueError, match=r"radio\.distance_m must be .* >= [\d.e+-]+ and <= [\d.e+-]+ m, got"):
            splitgym.load_scenario("default", **{"radio.distance_m": value})


# ------------------------------------------------------------------ D2: units
def test_d2_a_path_loss_as_gain():
    with pytest.raises(ValueError, match=r"gain.*got 104\.2.*dB"):
        InferenceTrace.from_arrays("default", gain=np.full(3, 104.2))


def test_d2_a_negative_path_loss_names_db():
    with pytest.raises(ValueError, match=r"gain.*got -104\.2.*dB"):
        InferenceTrace.from_arrays("default", gain=np.full(3, -104.2))


def test_d2_thresholds_in_milliseconds():
    with pytest.warns(UserWarning, match=r"threshold_s.*250\.0 s is unusual"):
        HardwareTrace.from_arrays("default", threshold_s=np.full(3, 250.0))


def test_d2_a_profiles_thresholds_in_milliseconds():
    profile = load_hardware("vgg16").to_dict()
    profile |= {"threshold_min_s": 90.0, "threshold_max_s": 5000.0}
    with pytest.warns(UserWarning, match=r"threshold_m.._s.* s is unusual"):
        splitgym.load_scenario("default", "HardwareSplit-v0", hardware=profile)


# ------------------------------------------------------------------ D3: files of numbers
def arrivals(path: Path, content: bytes, n: int = 2) -> list[float]:
    """Instants that an episode plays of a recording of these bytes."""
    path.write_bytes(content)
    given = {"arrivals.model": "recorded", "arrivals.parameters.file": str(path), "tasks.count": n}
    return InferenceTrace.draw(splitgym.load_scenario("default", **given), 0).arrival_s.tolist()


def test_d3_a_decimal_comma_is_cut(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv, line 2.*expected.*comma"):
        arrivals(tmp_path / "a.csv", b"arrival_s\n0,052\n1,5\n")


READ = {
    "byte-order mark": (b"\xef\xbb\xbfarrival_s\n0.5\n1.5\n"),
    "semicolons": b"task;arrival_s\n1;0.5\n2;1.5\n",
    "tabs": b"task\tarrival_s\n1\t0.5\n2\t1.5\n",
    "decimal commas between semicolons": b"task;arrival_s\n1;0,5\n2;1,5\n",
    "quoted decimal commas": b'task;arrival_s\n"1";"0,5"\n"2";"1,5"\n',
    "UTF-16": "arrival_s\n0.5\n1.5\n".encode("utf-16"),
}


@pytest.mark.parametrize("form", READ)
def test_d3_read_as_meant(form, tmp_path):
    assert arrivals(tmp_path / "a.csv", READ[form]) == [0.5, 1.5]


def test_d3_a_foreign_encoding_is_told_with_its_place(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv, line 3, column 6.*UTF-8"):
        arrivals(tmp_path / "a.csv", "arrival_s,ort\n0.5,Bern\n1.5,Zürich\n".encode("latin-1"))


def test_d3_a_word_is_told_with_its_place(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv, line 3, column 2.*expected a number, got 'soon'"):
        arrivals(tmp_path / "a.csv", b"task,arrival_s\n1,0.5\n2,soon\n")


def test_d3_a_capital_suffix(tmp_path):
    np.savez(tmp_path / "a.npz", arrival_s=[0.5, 1.5])
    content = (tmp_path / "a.npz").read_bytes()
    assert arrivals(tmp_path / "A.NPZ", content) == [0.5, 1.5]


def test_d3_messages_are_short(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv") as told:
        arrivals(tmp_path / "a.csv", b"arrival_s\n" + b"\xff" * 9600)
    assert len(str(told.value)) < 500


# ------------------------------------------------------------------ D4: what is passed over without a word
def test_d4_recorded_arrivals_where_nothing_queues(tmp_path):
    given = {"arrivals.model": "recorded", "arrivals.parameters.file": str(instants(tmp_path / "a.csv", 1.0))}
    with pytest.raises(ValueError, match=r"queueing"):
        splitgym.load_scenario("default", "HardwareSplit-v0", **given)


def test_d4_a_masked_action():
    env = single("inference", "default")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="masked"):
        env.step(np.ma.array([1, 6, 0, 0], mask=[True, False, False, False]))


class Nonsense(Policy):
    """Decides something that is no clock."""

    name = "nonsense"
    value: ClassVar[float] = np.inf

    def decide(self, views: np.ndarray, decisions: np.ndarray) -> None:
        decisions["cut"], decisions["clock_hz"] = 6, 2e9
        decisions["power_w"] = self.value


@pytest.mark.parametrize("value", [np.inf, -5.0])
def test_d4_a_policy_that_decides_nonsense(value):
    kind = type("Nonsense", (Nonsense,), {"value": value})
    env = single("inference", "default", "dict")
    observation, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="'nonsense' decided power_w"):
        kind(env).predict(observation)
