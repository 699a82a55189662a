"""The command line as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import splitgym
from splitgym.cli import COMMANDS, main
from splitgym.cli.common import changes_of


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help_teaches(command, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: splitgym" in capsys.readouterr().out


def test_list_names_everything(capsys) -> None:
    assert main(["list", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)
    assert {"SplitInference-v0", "HardwareSplit-v0"} <= set(kinds["environments"])
    for env_id in kinds["environments"]:
        assert set(kinds[f"scenarios of {env_id}"]) == set(splitgym.preset_names(env_id))
        assert set(kinds[f"policies of {env_id}"]) == set(splitgym.policy_names(env_id))
    assert set(kinds["suites"]) == set(splitgym.suite_names())
    assert set(kinds["hardware profiles"]) == {"vgg16", "vit", "resnet50", "mobilenetv2"}
    assert all(text for entries in kinds.values() for text in entries.values())
    assert main(["list"]) == 0
    assert "gilbert_elliott" in capsys.readouterr().out


def test_evaluate_prints_table_and_files(capsys, tmp_path) -> None:
    files = ["--csv", str(tmp_path / "rows.csv"), "--plot", str(tmp_path / "plot.png")]
    short = ["--episodes", "2", "--set", "tasks.count=12"]
    assert main(["evaluate", "random", "enachi", "enachi", *short, *files]) == 0
    out = capsys.readouterr().out
    assert "enachi" in out
    assert "best" in out
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 5
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert main(["evaluate", "device", *short, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"][0]["policy"] == "device"


def test_a_place_that_cannot_be_written_is_told(tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert main(["evaluate", "device", "--episodes", "1", "--store", str(tmp_path / "file" / "store")]) == 2
    assert "splitgym evaluate: " in capsys.readouterr().err


def test_an_interrupted_evaluation_says_how_to_go_on(tmp_path, capsys, monkeypatch) -> None:
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("splitgym.evaluation.evaluate", pressed)
    assert main(["evaluate", "device", "--store", str(tmp_path)]) == 130
    assert f"kept in {tmp_path}; the same command goes on" in capsys.readouterr().err


def test_bound_brackets(capsys) -> None:
    assert main(["bound", "default", "bursty", "--episodes", "2", "--set", "tasks.count=9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["default", "bursty"]
    for parts in found.values():
        assert all(low <= high for low, high in zip(parts["clairvoyant"], parts["bound"], strict=True))
    assert found["default"]["bound"][1] == splitgym.bound(seed=1, changes={"tasks.count": 9}).value
    assert main(["bound", "default", "--env", "ProgressiveTransmission-v0", "--episodes", "1"]) == 0
    out = capsys.readouterr().out
    assert "bound: no policy returns more" in out
    assert "clairvoyant" not in out
    assert main(["bound", "default", "--episodes", "0"]) == 2


def test_render_prints_and_saves(capsys, tmp_path) -> None:
    assert main(["render", "enachi", "--steps", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 10
    assert main(["render", "device", "--steps", "2", "--out", str(tmp_path / "frames.gif")]) == 0
    assert (tmp_path / "frames.gif").read_bytes()[:3] == b"GIF"
    assert main(["render", "device", "--steps", "1", "--out", str(tmp_path / "frame.png")]) == 0
    assert (tmp_path / "frame.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["render", "device", "--steps", "2", "--out", str(tmp_path / "second.png")]) == 0
    assert (tmp_path / "second.png").read_bytes() != (tmp_path / "frame.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "enachy"], "did you mean 'enachi'"),
        (["evaluate", "enachi:etta=1"], "did you mean 'eta'? (has: weight_j2, eta, seed)"),
        (["evaluate", "enachi:eta"], "policy 'enachi:eta' needs KEY=VALUE, got 'eta'"),
        (
            ["evaluate", "enachi", "--env", "HardwareSplit-v0"],
            "SplitInferenceMultiUser-v0, not HardwareSplit-v0",
        ),
        (["evaluate", "enachi", "--plot", "plot.jpeg"], "--plot needs a file that ends in"),
        (["evaluate", "enachi", "--scenario", "busty"], "did you mean 'bursty'"),
        (["evaluate", "enachi", "--set", "radio.slot"], "KEY=VALUE"),
        (["evaluate", "enachi", "--set", "radio.slots=1"], "did you mean 'slot_s'"),
        (["evaluate", "enachi", "--set", "radio.slot_s=-1"], "radio.slot_s must be"),
        (["render", "enachi", "--env", "Split"], "unknown environment"),
    ],
)
def test_mistakes_end_with_status_2_and_a_remedy(arguments, message, capsys) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "splitgym", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_changes_are_toml_values() -> None:
    assert changes_of(["a.b=3", "c=[1.0, 2.0]", "d=true", 'e="x"', "f=word"]) == {
        "a.b": 3,
        "c": [1.0, 2.0],
        "d": True,
        "e": "x",
        "f": "word",
    }


def test_module_and_script_are_the_same_command() -> None:
    run = subprocess.run([sys.executable, "-m", "splitgym", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("splitgym ")
