"""Code of one's own from files, modules and installed distributions: loaded when asked, remembered as words only."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import splitgym
from splitgym import plugins
from splitgym.agents.config import load_config
from splitgym.cli import COMMANDS, main
from splitgym.encodings import ENCODINGS
from splitgym.evaluation.store import Store
from splitgym.policy import POLICIES
from splitgym.profiles import hardware_names, load_hardware
from splitgym.specs import command_line
from splitgym.traces.fading import FADING
from tests.helpers import ROOT, run_python

FLAT = """
import numpy as np
import splitgym

@splitgym.fading("flat")
def flat(rng, n_slots, slot_s, *, gain: float = 1.0):
    \"\"\"The same gain in every slot.\"\"\"
    return np.full(n_slots, gain * {factor})

@splitgym.register_policy
class Halfway(splitgym.Policy):
    \"\"\"Everything on the device.\"\"\"
    name = "halfway"
    def decide(self, views, decisions):
        decisions["cut"] = decisions["edge_cut"] = self.params.last_cut
        decisions["clock_hz"] = 2e9
"""
SHORT = ["--set", "tasks.count=9", "--episodes", "1"]
PLAYED = ["halfway", "random", "--set", "fading.model=flat", *SHORT]


def written(path: Path, text: str = FLAT.format(factor=1.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def forget() -> None:
    """As in a fresh process: nothing of a test's plug-ins is known."""
    plugins._LOADED.clear()
    for table, names in ((FADING._table, ("flat",)), (POLICIES._table, ("halfway",))):
        for name in names:
            table.pop(name, None)
    for name in [name for name in sys.modules if name.startswith("splitgym_plugin_")]:
        del sys.modules[name]


# ------------------------------------------------------------------ from Python
def test_a_file_is_loaded_once_under_a_name_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path / "my models.py")
    plugin = splitgym.load_plugin(file)
    assert (plugin.kind, plugin.given) == ("file", str(file))
    assert plugin.added == ["fading model 'flat'", "policy 'halfway'"]
    assert re.fullmatch(r"splitgym_plugin_my_models_[0-9a-f]{8}", plugin.module)
    assert splitgym.load_plugin(tmp_path / "." / "my models.py") is plugin
    assert plugins.loaded() == [plugin]
    made = splitgym.make_policy("halfway", gym.make("SplitInference-v0"))
    assert type(pickle.loads(pickle.dumps(made))) is POLICIES["halfway"]


def test_a_file_finds_what_lies_beside_it(tmp_path: Path) -> None:
    written(tmp_path / "a" / "splitgym_example_helper.py", "GAIN = 0.25")
    file = written(tmp_path / "a" / "m.py", "import splitgym_example_helper as h\nimport splitgym, numpy as np\n"
                   "splitgym.fading('flat')(lambda rng, n, s: np.full(n, h.GAIN))\n")  # fmt: skip
    splitgym.load_plugin(file)
    assert FADING["flat"].function(None, 1, 1e-3) == 0.25


def test_a_module_is_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "splitgym_example_m.py")
    monkeypatch.chdir(tmp_path)
    plugin = splitgym.load_plugin("splitgym_example_m")
    assert (plugin.kind, plugin.module) == ("module", "splitgym_example_m")
    assert splitgym.load_plugin("splitgym_example_m.py") is plugin  # the same file is not run twice


def test_a_folder_with_an_init_is_a_package(tmp_path: Path) -> None:
    written(tmp_path / "pack" / "__init__.py", "from .inner import GAIN")
    written(tmp_path / "pack" / "inner.py", "GAIN = 1")
    plugin = splitgym.load_plugin(tmp_path / "pack")
    assert plugin.module.startswith("splitgym_plugin_pack_")
    assert sys.modules[plugin.module].GAIN == 1


FAULTS = {
    "raises": ("import splitgym\nsplitgym.fading('flat')(print)\n1 / 0\n", r"fails in line 3: ZeroDivisionError"),
    "spelling": ("def f(:\n", r"fails: SyntaxError: invalid syntax \(spelling\.py, line 1\)"),
    "imports": ("import a_module_that_is_not_there\n", r"fails in line 1: ModuleNotFoundError: No module named"),
    "exits": ("import sys\nsys.exit(3)\n", r"fails in line 2: SystemExit: 3"),
    "taken": ("import splitgym\nsplitgym.fading('static')(print)\n", "fading model 'static' is already registered"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plug_in_that_fails_leaves_nothing(fault: str, tmp_path: Path) -> None:
    text, message = FAULTS[fault]
    file = written(tmp_path / f"{fault}.py", text)
    for _ in range(2):  # the second time, too
        with pytest.raises(ValueError, match=rf"plug-in '.*{fault}\.py' {message}" if fault != "taken" else message):
            splitgym.load_plugin(file)
    assert "flat" not in FADING
    assert plugins.loaded() == []
    assert not [name for name in sys.modules if name.startswith("splitgym_plugin_")]
    written(file)
    assert splitgym.load_plugin(file).added  # mended


def test_two_plug_ins_of_one_name_are_told_apart(tmp_path: Path) -> None:
    splitgym.load_plugin(written(tmp_path / "one.py"))
    with pytest.raises(
        ValueError, match=r"two\.py' fails in line 5: .*'flat' is already registered \(by plug-in '.*one"
    ):
        splitgym.load_plugin(written(tmp_path / "two.py"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("none.py", r"no such plug-in: 'none\.py' \(looked for .*none\.py"),
        ("no_such_module", "no such plug-in: 'no_such_module' is no module that Python finds"),
        ("no_such.module", "no such plug-in: 'no_such.module' is no module"),
        ("./text.txt", "is no Python file: its name must end in .py"),
        ("", "a plug-in is the path of a Python file or the name of a module, got ''"),
        (3, "a plug-in is the path of a Python file or the name of a module, got 3"),
    ],
)
def test_what_is_no_plug_in_is_told(given: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "text.txt", "")
    with pytest.raises(ValueError, match=message):
        splitgym.load_plugin(given)


# ------------------------------------------------------------------ folders
def test_folders_are_known_by_name(tmp_path: Path) -> None:
    for kind, folder, add in (("profiles", "dnn", splitgym.add_profiles), ("hardware", "hw", splitgym.add_hardware)):
        name = {"profiles": "resnet101", "hardware": "mobilenetv2"}[kind]
        shipped = ROOT / "splitgym" / "data" / kind / f"{name}.toml"
        written(tmp_path / folder / "mine.toml", shipped.read_text(encoding="utf-8"))
        assert add(tmp_path / folder) == ["mine"]
    assert splitgym.load_profile("mine") == splitgym.load_profile("resnet101")
    assert load_hardware("mine") == load_hardware("mobilenetv2")
    assert splitgym.profile_names()[-1] == hardware_names()[-1] == "mine"
    near = 'base = "default"\nname = "near"\ndnn = "mine"\n[radio]\ndistance_m = 100.0\n'
    written(tmp_path / "presets" / "near.toml", near)
    assert splitgym.add_presets(tmp_path / "presets") == ["near"]
    assert splitgym.add_presets(tmp_path / "presets") == ["near"]  # again: nothing happens
    assert splitgym.load_scenario("near").radio.distance_m == 100.0
    assert "near" in splitgym.preset_names()
    assert gym.make("SplitInference-v0", scenario="near").unwrapped.scenario.name == "near"
    assert splitgym.load_scenario({"base": "near", "name": "nearer"}).radio.distance_m == 100.0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("default", 'base = "bursty"\nname = "x"\n', "'default' is known already; give .*default.toml another name"),
        ("x", 'base = "default"\nname = "x"\n[radio]\nbandwith_hz = 1\n', r"x\.toml.*bandwith_hz.*did you mean"),
        ("a:b", 'base = "default"\nname = "x"\n', "the name of the scenario"),
        ("", "", "holds no scenario: no file NAME.toml is there"),
    ],
)  # fmt: skip
def test_folders_with_faults_are_refused_whole(name: str, text: str, message: str, tmp_path: Path) -> None:
    if name:
        written(tmp_path / "a-fine-one.toml", 'base = "default"\nname = "a-fine-one"\n')
        written(tmp_path / f"{name}.toml", text)
    with pytest.raises(ValueError, match=message):
        splitgym.add_presets(tmp_path)
    assert "a-fine-one" not in splitgym.preset_names()


# ------------------------------------------------------------------ from the command line
#: Command -> what it cannot do without.
NEEDS = {
    **{name: ["random"] for name in ("evaluate", "stability", "render")},
    **{name: ["x"] for name in ("report", "store", "export", "curves")},
    "bound": ["default"],
    "dataset": ["random", "--out", "data/mine-v0"],
    "place": ["--random", "3"],
    "profile": ["mine.py:Net", "--input", "1x3x8x8"],
    "trace": ["import", "log.csv"],
    "sweep": ["random", "--over", "tasks.count=9"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_plug_ins_on_both_sides(command: str, tmp_path: Path, capsys) -> None:
    """A plug-in that is not there is told by the command, wherever the option stands."""
    needs = NEEDS.get(command, [])
    for words in (["--plugin", "none.py", command, *needs], [command, *needs, "--plugin", "none.py"]):
        assert main(words) == 2
        assert capsys.readouterr().err.startswith(f"splitgym {command}: no such plug-in: 'none.py'")


def test_evaluate_and_list_know_what_a_plug_in_registers(tmp_path: Path, capsys, monkeypatch) -> None:
    written(tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert main(["--plugin", "mine.py", "evaluate", *PLAYED, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["policy"] for row in document["summary"]} == {"halfway", "random"}
    assert document["plugins"][0]["registers"] == "fading model 'flat', policy 'halfway'"
    assert main(["list", "--json", "--plugin", "mine.py"]) == 0
    kinds = json.loads(capsys.readouterr().out)
    assert kinds["fading models"]["flat"] == "The same gain in every slot."
    assert kinds["plug-ins"] == {"mine.py": "fading model 'flat', policy 'halfway'"}
    assert command_line("list") == "splitgym list --plugin mine.py"  # commands that are printed can be pasted


# ------------------------------------------------------------------ what is remembered
def test_a_store_remembers_its_plug_ins_and_runs_none(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "mine.py", FLAT.format(factor=1.0) + "open('ran', 'a').write('x')\n")
    play = ["evaluate", *PLAYED, "--store", "kept"]
    for _ in range(2):
        assert main([*play, "--plugin", "mine.py"]) == 0
        forget()
    assert (tmp_path / "ran").read_text() == "xx"
    capsys.readouterr()
    assert main(["store", "kept"]) == 0
    assert "plug-in mine.py (file, source " in capsys.readouterr().out
    (known,) = Store("kept").plugins()
    assert main(["report", "kept"]) == 2
    message = capsys.readouterr().err
    assert "unknown fading model 'flat'" in message
    assert "not loaded here: 'mine.py'. If you trust their code, add: --plugin mine.py" in message
    assert re.search(r"make it anew: splitgym evaluate .* --store kept --plugin mine\.py$", message.strip())
    assert (tmp_path / "ran").read_text() == "xx"
    assert main(["report", "kept", "--plugin", "mine.py"]) == 0
    assert known.digest in (tmp_path / "kept" / "report.html").read_text()


def test_other_code_of_a_plug_in_is_another_setting(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    def played(factor: float) -> list[str]:
        forget()
        written(tmp_path / "mine.py", FLAT.format(factor=factor))
        assert main(["evaluate", *PLAYED, "--store", "kept", "--plugin", "mine.py"]) == 0
        return [line[1] for line in Store("kept").contents()]

    assert len(set(played(1.0))) == 1
    assert len(set(played(1.0))) == 1
    assert len(set(played(0.5))) == 2
    assert len(Store("kept").plugins()) == 2
    forget()
    written(tmp_path / "moved" / "mine.py", FLAT.format(factor=0.5))  # elsewhere, but the same
    assert main(["evaluate", *PLAYED, "--store", "kept", "--plugin", "moved/mine.py"]) == 0
    assert len({line[1] for line in Store("kept").contents()}) == 2


def test_a_run_says_which_plug_in_it_needs(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "mine.py")
    small = ["--steps", "64", "--n-envs", "4", "--net", "4", "--hyper", "n_steps=8", "--hyper", "batch_size=32"]
    setting = ["--set", "fading.model=flat", "--set", "tasks.count=9"]
    assert main(["train", *small, *setting, "--quiet", "--out", "run", "--plugin", "mine.py"]) == 0
    assert capsys.readouterr().out.strip().endswith("--plugin mine.py")
    forget()
    for words in (["evaluate", "./run", *SHORT], ["train", "--resume", "run", "--quiet"]):
        assert main(words) == 2
        message = capsys.readouterr().err
        assert "unknown fading model 'flat'" in message
        assert "add: --plugin mine.py" in message
        assert "flat" not in FADING._table
    assert main(["evaluate", "./run", *SHORT, *setting[:2], "--plugin", "mine.py"]) == 0
    assert main(["train", "--resume", "run", "--quiet", "--plugin", "mine.py"]) == 0
    forget()
    written(tmp_path / "mine.py", FLAT.format(factor=0.5))
    splitgym.load_plugin("mine.py")
    with pytest.raises(ValueError, match=r"plug-in model has changed.*plug-ins have other code now: 'mine\.py'"):
        load_config(tmp_path / "run")


@pytest.mark.parametrize(
    "tables", [3, [{"given": "x"}], [{"given": "\x1b[2J", "kind": "file", "digest": "", "registers": "a"}]]
)
def test_a_strangers_memory_is_data(tables: Any, tmp_path: Path) -> None:
    from tests.test_identity_runs import tiny, train

    train(tiny("default", 64), tmp_path / "run", progress=False)
    document = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps(document | {"plugins": tables}))
    with pytest.raises(ValueError, match=r"config\.json cannot be used: plugins"):
        load_config(tmp_path / "run")
    del document["plugins"]  # as 0.1.0 wrote it
    (tmp_path / "run" / "config.json").write_text(json.dumps(document))
    load_config(tmp_path / "run")


# ------------------------------------------------------------------ encodings
def test_an_encoding_of_ones_own_is_learned_with(tmp_path: Path) -> None:
    """PPO takes it as the shipped one whose kind of space it has, and a run knows its code."""
    from splitgym.agents.config import TrainConfig
    from tests.test_identity_runs import tiny, train

    text = """
import splitgym
from splitgym.encodings import BoxEncoding

@splitgym.register_encoding("mirrored")
class Mirrored(BoxEncoding):
    \"\"\"Numbers in [-1, 1], the other way round.\"\"\"
    def decode(self, actions, out):
        super().decode(-actions, out)
    def encode(self, values):
        return -super().encode(values)
"""
    splitgym.load_plugin(written(tmp_path / "mirrored.py", text))
    config = tiny(splitgym.load_scenario("default", **{"tasks.count": 9}), 64)
    import dataclasses

    train(dataclasses.replace(config, action="mirrored"), tmp_path / "run", progress=False)
    assert load_config(tmp_path / "run").action == "mirrored"
    with pytest.raises(ValueError, match="dqn cannot learn with Mirrored; use action=discrete"):
        TrainConfig(algo="dqn", action="mirrored")
    document = json.loads((tmp_path / "run" / "config.json").read_text())
    assert document["spaces"]["encoding"]
    del ENCODINGS._table["mirrored"]
    splitgym.load_plugin(written(tmp_path / "other.py", text.replace("-actions, out", "-1.0 * actions, out")))
    with pytest.raises(ValueError, match="other values or spaces"):
        load_config(tmp_path / "run")


# ------------------------------------------------------------------ worker processes
WORKERS = """
import multiprocessing, sys
import splitgym

def gain(_):
    from splitgym.traces.fading import FADING
    return "flat" in FADING

def name(policy):
    return type(policy).__name__

if __name__ == "__main__":
    splitgym.load_plugin(sys.argv[1])
    import gymnasium as gym
    policy = splitgym.make_policy("halfway", gym.make("SplitInference-v0"))
    with multiprocessing.get_context(sys.argv[2]).Pool(1) as pool:
        print(pool.map_async(gain, [0]).get(120), pool.map_async(name, [policy]).get(120))
"""


@pytest.mark.parametrize("start", ["spawn", "fork"] if hasattr(os, "fork") else ["spawn"])
def test_worker_processes_know_the_plug_ins(start: str, tmp_path: Path) -> None:
    script, file = written(tmp_path / "script.py", WORKERS), written(tmp_path / "mine.py")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), "mine.py", start]
    where = file.parent
    done = subprocess.run(command, cwd=where, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.strip() == "[True] ['Halfway']", done.stderr


def test_other_processes_load_nothing(tmp_path: Path, monkeypatch) -> None:
    """What a process has loaded is for its workers; a command that it starts is asked for plug-ins of its own."""
    splitgym.load_plugin(written(tmp_path / "mine.py"))
    assert json.loads(os.environ[plugins._INHERITED])
    assert (
        run_python("import splitgym; from splitgym.traces.fading import FADING; print('flat' in FADING)") == "False\n"
    )


# ------------------------------------------------------------------ installed distributions
def installed(folder: Path, module: str, text: str, value: str = "") -> Path:
    """A folder that holds a distribution with an entry point, as an installer leaves it."""
    written(folder / f"{module}.py", text)
    info = folder / f"{module}-1.2.dist-info"
    written(info / "METADATA", f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.2\n")
    written(info / "entry_points.txt", f"[splitgym.plugins]\nmine = {value or module}\n")
    return folder


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has looked for installed plug-ins yet."""
    state = plugins._Installed()
    state.open = True
    monkeypatch.setattr(plugins, "_INSTALLED", state)


def test_an_installed_plug_in_is_found_at_the_first_look(fresh, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, "splitgym_example_dist", FLAT.format(factor=1.0)))
    assert "splitgym_example_dist" not in sys.modules
    assert "flat" in FADING
    (plugin,) = plugins.loaded()
    assert (plugin.given, plugin.kind, plugin.version) == ("splitgym-example-dist", "installed", "1.2")
    assert command_line("list") == "splitgym list"  # nobody has to name it
    assert main(["evaluate", *PLAYED]) == 0


def test_an_entry_point_may_name_a_function(fresh, tmp_path: Path, monkeypatch) -> None:
    text = "def register():\n" + "".join(f"    {line}\n" for line in FLAT.format(factor=1.0).splitlines())
    monkeypatch.syspath_prepend(installed(tmp_path, "splitgym_example_fun", text, "splitgym_example_fun:register"))
    assert "flat" in FADING


def test_a_broken_installed_plug_in_breaks_nothing(fresh, tmp_path: Path, monkeypatch) -> None:
    text = "import splitgym\nsplitgym.fading('flat')(print)\nimport a_module_that_is_not_there\n"
    monkeypatch.syspath_prepend(installed(tmp_path, "splitgym_example_broken", text))
    told = r"distribution 'splitgym-example-broken' 1\.2 cannot be loaded.*a_module_that_is_not_there.*uninstall"
    with pytest.warns(plugins.PluginWarning, match=told):
        assert "flat" not in FADING
    assert "rayleigh" in FADING  # and no second warning
    assert plugins.loaded() == []


def test_a_plug_in_that_is_being_imported_is_left_alone(fresh, tmp_path: Path, monkeypatch) -> None:
    """It imports the package, which looks into its registries before the plug-in has registered anything."""
    text = "import splitgym\nfrom splitgym.traces.fading import FADING\nassert 'rayleigh' in FADING\n" + FLAT.format(
        factor=1
    )
    monkeypatch.syspath_prepend(installed(tmp_path, "splitgym_example_self", text, "splitgym_example_self:Halfway"))
    name = "splitgym_example_self"
    __import__(name)
    assert "flat" in FADING


IMPORT = """
import sys
import splitgym
before = "splitgym_example_lazy" in sys.modules
import gymnasium as gym
gym.make("SplitInference-v0")
print(before, "splitgym_example_lazy" in sys.modules, "flat" in splitgym.traces.fading.FADING)
"""


def test_the_import_of_the_package_loads_no_plug_in(tmp_path: Path) -> None:
    place = installed(tmp_path, "splitgym_example_lazy", FLAT.format(factor=1.0))
    path = os.pathsep.join((str(ROOT), str(place)))
    assert run_python(IMPORT, PYTHONPATH=path) == "False True True\n"


def test_a_warning_of_the_gain_is_still_raised(tmp_path: Path) -> None:
    """Plug-in models are checked as they draw."""
    splitgym.load_plugin(written(tmp_path / "mine.py", FLAT.format(factor=-1.0)))
    scenario = splitgym.load_scenario("default", **{"fading.model": "flat", "tasks.count": 3})
    with pytest.raises(ValueError, match="fading model 'flat', task 0, slot 0: the gain"):
        gym.make("SplitInference-v0", scenario=scenario).reset(seed=0)


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "qqqq", *SHORT],
        ["evaluate", "device", *SHORT, "--set", "fading.model=zzzz"],
        ["evaluate", "device", *SHORT, "--set", "arrivals.model=zzzz"],
        ["train", "--action", "zzzz", "--out", "run", "--quiet"],
    ],
)
def test_a_name_like_no_other_may_be_of_a_plug_in(words: list[str], tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "; one of your own by --plugin)" in capsys.readouterr().err


def test_a_file_beside_a_plug_in_is_never_another_of_its_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "beside_both.py").write_text("")
        (tmp_path / name / "mine.py").write_text("import beside_both, random\n")
    (tmp_path / "two" / "random.py").write_text("")
    splitgym.load_plugin(tmp_path / "one" / "mine.py")
    with pytest.raises(ValueError, match=r"imports 'beside_both', which is .*one.*, not the file beside it; rename"):
        splitgym.load_plugin(tmp_path / "two" / "mine.py")
