"""Faults of version 0.1.0 as they were reported: answers to mistakes, and small ones.  Each test fails there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.placement.fin import solve_fin, solve_fin_all
from splitgym.placement.generate import random_instance
from splitgym.policy import make_policy
from tests.helpers import ROOT, native, sampled, single
from tests.version_0_1.reported import TINY

SHORT = ["--episodes=1", "--set=tasks.count=3"]


def refused(words: list[str], capsys: Any) -> str:
    """The one short line with which a command ends with status 2."""
    assert main(words) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert len(line) < 560
    return line


# ------------------------------------------------------------------ E: files
def test_e_a_section_that_is_a_word_beside_a_base(tmp_path, capsys):
    (tmp_path / "a.toml").write_text('base = "default"\nfading = "x"\n')
    assert "fading" in refused(["evaluate", "device", "--scenario", str(tmp_path / "a.toml"), *SHORT], capsys)


def test_e_toml_nested_3000_deep(tmp_path, capsys):
    (tmp_path / "a.toml").write_text(f"x = {'[' * 3000}{']' * 3000}")
    assert "a.toml" in refused(["evaluate", "device", "--scenario", str(tmp_path / "a.toml"), *SHORT], capsys)


def test_e_json_nested_3000_deep(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"config":' * 3000 + "1" + "}" * 3000)
    assert "config.json" in refused(["evaluate", str(tmp_path), *SHORT], capsys)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *TINY, "--set=tasks.count=9", "--out", str(folder)]) == 0
    return folder


ODD: dict[str, dict[str, Any]] = {
    "net": {"config": {"net": []}},
    "device": {"config": {"device": "abacus"}},
    "sizes": {"config": {"net": [100_000, 100_000, 100_000]}},
    "hyper": {"config": {"hyper": {"n_steps": 8, "batch_size": 64, "n_epochs": "many"}}},
    "versions": {"versions": None, "scenario": {"digest": "0"}},
}


@pytest.mark.parametrize("odd", ODD)
def test_e_odd_values_in_a_runs_config(trained, odd, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "run")
    file = tmp_path / "run" / "config.json"
    document = json.loads(file.read_text())
    for part, changes in ODD[odd].items():
        if changes is None:
            del document[part]
        else:
            document[part].update(changes)
    file.write_text(json.dumps(document))
    line = refused(["train", "--resume", str(tmp_path / "run"), "--quiet"], capsys)
    assert "config.json" in line or odd in line


# ------------------------------------------------------------------ E: commands
def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    line = line.replace("splitgym", f"{shlex.quote(sys.executable)} -m splitgym", 1)
    return subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, check=False)


def test_e_standard_output_is_closed():
    done = shell("splitgym list >&-")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_e_a_terminal_of_few_letters_shows_the_finished_table():
    done = shell("splitgym evaluate device random --episodes 2 --set tasks.count=3", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "random" in done.stdout


def test_e_a_sweep_of_too_many_values(capsys):
    line = refused(["sweep", "device", f"--over=tasks.count=1:{10**12}", "--episodes=1"], capsys)
    assert "1000000000000 values" in line


def test_e_a_printed_path_with_a_space_can_be_pasted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, "--set=tasks.count=3", "--out", "my run"]) == 0
    words = shlex.split(capsys.readouterr().out.partition("compare it: ")[2])
    assert main([*words[1:], "--episodes=1"]) == 0


def test_e_a_printed_comparison_plays_the_scenarios_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text('base = "default"\nname = "mine"\n[tasks]\ncount = 3\n')
    assert main(["train", *TINY, "--scenario", "a.toml", "--out", "run"]) == 0
    words = shlex.split(capsys.readouterr().out.partition("compare it: ")[2])
    assert main([*words[1:], "--episodes=1", "--json"]) == 0
    assert '"mine"' in capsys.readouterr().out


def test_e_a_printed_front_with_a_comma_can_be_pasted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["optimize", "--search", "random", "--network", "vit", "--out", "a,b", "--quiet"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("use it:"))
    assert main([*shlex.split(line)[3:], "--episodes=1", "--set=requests.count=3"]) == 0


def test_e_import_from_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for folder, name in ((ROOT / "splitgym", "splitgym"), (ROOT / "baselines", "splitgym/baselines")):
            for file in folder.rglob("*.py"):
                archive.write(file, f"{name}/{file.relative_to(folder)}")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 's.zip')!r}); import splitgym"
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert "pip install" in done.stderr.splitlines()[-1]


# ------------------------------------------------------------------ E: functions
def test_e_the_last_seed():
    done = splitgym.evaluate("device", episodes=1, seed=np.int64(2**63 - 1), changes={"tasks.count": 3})  # type: ignore
    assert done.seeds("device").tolist() == [2**63 - 1]


@pytest.mark.parametrize("episodes", [1.5, True])
def test_e_episodes_that_are_no_count(episodes):
    with pytest.raises(ValueError, match="episodes"):
        splitgym.evaluate("device", episodes=episodes, changes={"tasks.count": 3})


@pytest.mark.parametrize("name", ["three", "e:colon", "e\nline"], ids=["3", "colon", "line break"])
def test_e_policies_that_are_none(name):
    policy: Any = 3 if name == "three" else lambda env: make_policy("device", env)
    with pytest.raises(ValueError, match="policy"):
        splitgym.register_policy(policy, name=name)


def test_e_a_dict_action_names_its_key():
    env = single("inference", "default", "dict")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action\['edge_cut'\] must be integers"):
        env.step({"cut": 1, "edge_cut": 1.5, "clock_hz": 0, "power_w": np.array([0.1])})


def test_e_the_readme_says_what_a_dict_holds():
    text = (ROOT / "docs" / "environments" / "index.md").read_text(encoding="utf-8")
    assert "exact physical values" not in text
    assert "indices of cuts and clocks, exact values of powers" in text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", ["cycle", "order of tiers"])
def test_e_links_in_both_directions_play(what, tmp_path):
    table = random_instance(4, blocks=3, exits=2, seed=1).to_dict()
    if what == "cycle":
        table["arcs"] += [{**arc, "from": arc["to"], "to": arc["from"]} for arc in table["arcs"]]
    else:
        table["nodes"].reverse()
    (tmp_path / "net.json").write_text(json.dumps(table))
    setting = {"topology.kind": "file", "topology.file": str(tmp_path / "net.json"), "networks.kind": "file"}
    scenario = splitgym.load_scenario("default", "BlockPlacement-v0", **setting, **{"applications.count": 3})
    env = single("placement", scenario)
    env.reset(seed=0)
    over = False
    while not over:
        *_, over, info = env.step(np.array([np.flatnonzero(env.action_masks())[0]]))
    assert info["closed"]


# ------------------------------------------------------------------ F: small ones
def test_f_lyap_pays_more_than_it_must_without_debt():
    """First tasks have no debt; all on the device takes 10.2 mJ and is in time."""
    setting = {"tasks.count": 1, "tasks.deadline_min_s": 0.29, "tasks.deadline_max_s": 0.29}
    done = splitgym.evaluate(["lyap", "device"], scenario="enachi", episodes=60, changes=setting)
    assert done.figure("device", "missed").max() == done.figure("lyap", "missed").max() == 0.0
    assert (done.figure("lyap", "energy") <= done.figure("device", "energy") * (1.0 + 1e-9)).all()


def played(preset: str, **changes: Any) -> dict[str, np.ndarray]:
    """Columns of info of random decisions of 64 rows over ten tasks."""
    envs = native(64, "inference", splitgym.load_scenario(preset, **changes))
    envs.reset(seed=0)
    steps = [envs.step(action)[-1] for action in sampled(envs.action_space, 10, seed=0)]
    return {name: np.concatenate([info[name] for info in steps]) for name in steps[0] if not name.startswith("_")}


def test_f_accuracy_of_a_task_that_is_late():
    info = played("default")
    late = ~info["on_time"].astype(bool)
    assert late.any()
    assert not info["correct"][late].any()
    assert (info["accuracy"][late] == 0.0).all()


def test_f_an_early_stop_that_saves_no_slot():
    info = played("enachi", **{"early_stop.feedback_slots": 40})
    stopped = info["stopped_early"].astype(bool)
    assert (info["slots_used"][stopped] < info["slots_available"][stopped]).all()


PLACEMENT = (ROOT / "docs" / "results" / "placement.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("where", [PLACEMENT, str(solve_fin.__doc__)], ids=len)
def test_f_what_is_ours_in_fins_carry_is_told(where):
    assert re.search(r"carry[^|]{0,200}literal rule", where, re.DOTALL)


@pytest.mark.parametrize("where", ["page", "docstring"])
def test_f_the_order_by_load_is_told_to_be_ours(where):
    text = PLACEMENT if where == "page" else str(solve_fin_all.__doc__)
    assert re.search(r"[Oo]urs, not published[^|]*load|load[`\"]* \(ours, not published", text, re.DOTALL)
