"""Faults of version 0.1.0 as they were reported: installation, stale answers, security.  Each test fails there.

Only what that version had is imported, so that these files can be copied there and played.
"""

from __future__ import annotations

import csv
import importlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.callbacks import BaseCallback

import splitgym
from splitgym.agents.config import TrainConfig, load_config
from splitgym.agents.training import train
from splitgym.cli import main
from splitgym.evaluation.store import Store
from splitgym.placement.generate import random_instance
from splitgym.profiles import load_hardware
from splitgym.worlds.inference import InferenceTrace
from tests.helpers import ROOT, digest, rollout, sampled, single
from tests.version_0_1.reported import RATE, TINY, fresh, instants


# ------------------------------------------------------------------ 0: the suite and what else is installed
@pytest.fixture(scope="module")
def inner_suite(tmp_path_factory) -> str:
    """What pytest says with our settings of a test file that imports a library which warns of its own old interface."""
    folder = tmp_path_factory.mktemp("inner")
    (folder / "somelibrary.py").write_text("import warnings\nwarnings.warn('old interface', DeprecationWarning)\n")
    (folder / "test_inner.py").write_text(
        "import pytest\nimport somelibrary\ndef test_plays(): pass\n@pytest.mark.skip(reason='no display here')\n"
        "def test_watched(): pass\n"
    )
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", "-c", str(ROOT / "pyproject.toml")]
    words += ["-p", "tests.conftest", str(folder / "test_inner.py")]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True).stdout


def test_0_a_library_that_warns_of_itself_is_no_error(inner_suite):
    assert "1 passed, 1 skipped" in inner_suite


def test_0_skipped_tests_are_named_with_their_reason(inner_suite):
    assert re.search(r"test_watched.*no display here", inner_suite), inner_suite


def test_0_install_takes_one_tested_set_of_versions():
    sources = re.findall(r"^SOURCES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (locks,) = [[word for word in line.split() if "lock" in word] for line in sources]
    pinned = re.findall(r"^(\w[\w.-]*)==", "\n".join((ROOT / lock).read_text() for lock in locks), re.MULTILINE)
    assert {"numpy", "numba", "gymnasium", "torch", "pytest", "pettingzoo", "hypothesis"} <= set(pinned)


def test_0_the_benchs_peers_live_elsewhere():
    (python,) = re.findall(r"^bench:.*\n\t(\S+) -m splitgym bench", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert python not in ("$(RUN)", "$(VENV)/bin/python")


@pytest.mark.parametrize("target", ["lock", "test-newest", "test-lowest"])
def test_0_both_ends_of_the_versions_can_be_tried(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("package", ["markupsafe", "sqlalchemy"])
def test_0_what_is_imported_is_declared(package):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(line.startswith(package) for lines in extras.values() for line in lines)


# ------------------------------------------------------------------ A: stale or foreign answers
def recorded(file: Any) -> dict[str, Any]:
    return {"arrivals.model": "recorded", "arrivals.parameters.file": str(file), "tasks.count": 60}


def missed(**kwargs: Any) -> float:
    return float(splitgym.evaluate("device", episodes=2, **kwargs).figure("device", "missed").mean())


def test_a1_recorded_arrivals_rewritten_between_two_evaluations(tmp_path):
    file, store = instants(tmp_path / "a.csv", 1.0), tmp_path / "store"
    slow = missed(changes=recorded(file), store=store)
    instants(file, 1.0 / 50)
    fast = missed(changes=recorded(file), store=store)
    assert (fast, fast - slow > 0.5) == (missed(changes=recorded(file)), True)


def test_a1_an_instance_rewritten_in_one_process(tmp_path):
    file = tmp_path / "net.json"
    setting = {"topology.kind": "file", "topology.file": str(file), "networks.kind": "file", "applications.count": 5}

    def nodes(count: int) -> int:
        file.write_text(random_instance(count, blocks=3, exits=2, seed=1).to_json())
        env = single("placement", splitgym.load_scenario("default", "BlockPlacement-v0", **setting))
        env.reset(seed=0)
        return int(env.action_space.n) - 1  # type: ignore[attr-defined]

    assert nodes(6) == nodes(4) + 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """A run on recorded arrivals, and their file."""
    folder = tmp_path_factory.mktemp("trained")
    file = instants(folder / "a.csv", 1.0)
    setting = [f"--set={key}={value}" for key, value in recorded(file).items()]
    assert main(["train", *TINY, *setting, "--out", str(folder / "run")]) == 0
    return folder / "run", file


@pytest.fixture
def run(trained, tmp_path) -> tuple[Path, Path]:
    """A copy of it, of which the file has become fifty times as fast; the original is left as it was."""
    shutil.copytree(trained[0], tmp_path / "run")
    return tmp_path / "run", trained[1]


def test_a1_resume_on_another_content(run, capsys):
    folder, file = run
    before = file.read_text()
    try:
        instants(file, 1.0 / 50)
        assert main(["train", "--resume", str(folder), f"--set=arrivals.parameters.file={file}", "--quiet"]) == 2
    finally:
        file.write_text(before)
    assert "begun with other settings" in capsys.readouterr().err


def test_a1_a_run_keeps_the_content_it_was_trained_on(run):
    folder, file = run
    before = file.read_text()
    try:
        instants(file, 1.0 / 50)
        arrival_s = InferenceTrace.draw(load_config(folder).scenario, 0).arrival_s
    finally:
        file.write_text(before)
    assert arrival_s[:3].tolist() == [0.0, 1.0, 2.0]


def test_a1_a_run_is_used_elsewhere_after_its_file_has_moved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    instants(tmp_path / "a.csv", 1.0)
    setting = [f"--set={key}={value}" for key, value in recorded("a.csv").items()]
    assert main(["train", *TINY, *setting, "--out", "run"]) == 0
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    monkeypatch.chdir("/")
    assert load_config(tmp_path / "run").scenario.tasks.count == 60


def test_a1_a_store_is_used_elsewhere_after_its_file_has_moved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    instants(tmp_path / "a.csv", 1.0)
    missed(changes=recorded("a.csv"), store="store")
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    monkeypatch.chdir("/")
    (results,) = Store(tmp_path / "store").results()
    assert results.seeds("device").tolist() == [0, 1]


@pytest.mark.parametrize("parameter", ["name", "source", "description"])
def test_a2_a_plug_ins_parameter_that_is_called_a_label(parameter):
    scope: dict[str, Any] = {}
    exec(f"def f(rng, n_slots, slot_s, *, {parameter}=1.0): return [{parameter}] * n_slots", scope)
    splitgym.fading(f"named-{parameter}")(scope["f"])
    setting = {"fading.model": f"named-{parameter}", "tasks.count": 3}
    one, two = (
        splitgym.load_scenario("default", **setting, **{f"fading.parameters.{parameter}": value})
        for value in (1.0, 0.5)
    )
    assert one.digest() != two.digest()


def test_a2_the_hardwares_name_chooses_the_thresholds():
    profile = load_hardware("vgg16")
    one, two = (
        splitgym.load_scenario("published", "HardwareSplit-v0", hardware=profile.replace(name=name))
        for name in ("vgg16", "vit")
    )
    assert one.digest() != two.digest()


MINE = """
import splitgym
from splitgym.policy import Policy

def evaluate():
    done = splitgym.evaluate("mine", episodes=1, changes={"tasks.count": 20}, store=STORE)
    print(float(done.figure("mine", "energy").sum()))

class Mine(Policy):
    name = "mine"
    def decide(self, views, decisions):
        decisions["cut"], decisions["clock_hz"] = CUT, 2e9

splitgym.register_policy(Mine)
try:
    evaluate()
except ValueError as refused:
    assert "mine" in str(refused), refused
    print(f"refused {CUT}")
"""


def test_a3_a_policy_from_standard_input_is_edited(tmp_path):
    def energy(cut: int) -> str:
        code = MINE.replace("STORE", repr(str(tmp_path))).replace("CUT", str(cut))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-"], input=code, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert energy(6) != energy(0)


def test_a3_a_policys_helper_module_is_edited(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "mypolicy12.py"
    module.write_text(
        "from splitgym.policy import Policy\nimport myhelper12\nclass Mine(Policy):\n    name = 'with-helper12'\n"
        "    def decide(self, views, decisions):\n        decisions['cut'] = myhelper12.cut()\n"
        "        decisions['clock_hz'] = 2e9\n"
    )
    (tmp_path / "myhelper12.py").write_text("def cut(): return 6\n")
    splitgym.register_policy(importlib.import_module(module.stem).Mine)

    def energy(**store: Any) -> list[float]:
        done = splitgym.evaluate("with-helper12", episodes=1, changes={"tasks.count": 20}, **store)
        return done.figure("with-helper12", "energy").tolist()

    kept = energy(store=tmp_path / "store")
    (tmp_path / "myhelper12.py").write_text("def cut():\n    return 0\n")
    importlib.invalidate_caches()
    importlib.reload(sys.modules["myhelper12"])
    assert energy() != kept
    assert energy(store=tmp_path / "store") == energy()


def test_a4_minus_zero_survives_a_round_trip():
    profile = load_hardware("vgg16").to_dict()
    profile["cut_bits"][-1] = -0.0
    scenario = splitgym.load_scenario("default", "HardwareSplit-v0", hardware=profile)
    again = splitgym.load_scenario(tomllib.loads(scenario.to_toml()), "HardwareSplit-v0")
    assert again.digest() == scenario.digest()


def test_a4_both_zeros_are_one_value():
    one, two = (splitgym.load_scenario("default", **{"radio.shadowing_db": zero}) for zero in (0.0, -0.0))
    env = single("inference", one)
    actions = sampled(env.action_space, 5, seed=0)
    assert digest(rollout(env, actions)) == digest(rollout(single("inference", two), actions))
    assert one.digest() == two.digest()


# ------------------------------------------------------------------ B: security
class Command:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")
def test_b1_a_prepared_temporary_folder_runs_a_command(tmp_path):
    folder = Path(fresh(RATE, TMPDIR=str(tmp_path)).split()[-1])
    assert folder.is_relative_to(tmp_path)
    indexes = list(folder.rglob("*.nbi"))
    assert indexes
    for index in indexes:
        index.write_bytes(pickle.dumps(Command(tmp_path / "ran")))
    for place in (folder.parent, *folder.parent.rglob("*")):
        place.chmod(0o777)
    fresh(RATE, TMPDIR=str(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")
def test_b1_a_link_in_the_temporary_folder_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / f"splitgym-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    fresh("import splitgym.jit", TMPDIR=str(tmp_path / "tmp"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_b2_a_scenarios_name_chooses_the_folder(tmp_path, monkeypatch, capsys):
    inside, evil = tmp_path / "a" / "b" / "c", tmp_path / "a" / "evil-s0" / "checkpoints"
    for folder in (inside, evil):
        folder.mkdir(parents=True)
    (evil / "mine.txt").write_text("mine")
    monkeypatch.chdir(inside)
    Path("mine.toml").write_text('base = "default"\nname = "../../../evil"\n')
    assert main(["train", "--scenario", "mine.toml", "--overwrite", *TINY]) == 2
    assert "name" in capsys.readouterr().err
    assert (evil / "mine.txt").exists()
    assert list(evil.parent.iterdir()) == [evil]


@pytest.mark.parametrize("name", ["x" * 300, "a/b", "a\\b", "a\0b", "a\nb", "a\u202eb", "a:b"], ids=range(7))
def test_b2_what_is_no_name_is_refused_where_it_is_made(name):
    with pytest.raises(ValueError, match="name"):
        splitgym.load_scenario("default", name=name)


@pytest.mark.parametrize("mark", "=+-@")
def test_b3_cells_that_a_spreadsheet_would_compute(mark):
    name = f"{mark}1+1"
    try:
        splitgym.register_policy(lambda env: splitgym.make_policy("device", env), name=name)
        splitgym.load_scenario("default", name=name)
        text = splitgym.evaluate(name, episodes=1, changes={"tasks.count": 2}).to_csv()
    except ValueError:
        return
    assert not any(cell.startswith(mark) for row in csv.reader(text.splitlines()) for cell in row)


class Second(BaseCallback):
    """Begins another training in the middle of one; keeps its status."""

    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self.words, self.status = words, -1

    def _on_rollout_end(self) -> None:
        if self.status < 0:
            self.status = 0
            self.status = main(["train", *self.words])

    def _on_step(self) -> bool:
        return True


@pytest.mark.parametrize("words", [["--resume"], [*TINY, "--overwrite", "--out"]], ids=["resume", "train"])
def test_b4_two_trainings_in_one_folder(words, tmp_path, capsys):
    hyper: dict[str, Any] = {"n_steps": 8, "batch_size": 64}
    config = TrainConfig(steps=128, n_envs=8, net=(4,), hyper=hyper)
    second = Second([*words, str(tmp_path / "run")])
    train(config, tmp_path / "run", progress=False, callbacks=[second])
    assert second.status == 2
    assert str(os.getpid()) in capsys.readouterr().err
