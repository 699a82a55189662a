"""Run folders: a damaged model is passed over for the newest whole one, and nothing but a run is ever overwritten."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from splitgym.agents import checkpoint
from splitgym.agents.checkpoint import load_agent, model_file, newest_checkpoint, read_weights
from splitgym.agents.training import train
from splitgym.cli import main
from splitgym.evaluation import evaluate
from tests.agents.test_agents import SCENARIO, tiny

FIRST, SECOND, END = "step_000000000128.zip", "step_000000000192.zip", "model.zip"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A finished run with its end and two checkpoints."""
    folder = train(tiny(), tmp_path_factory.mktemp("runs") / "ppo", progress=False)
    shutil.copy(folder / "checkpoints" / FIRST, folder / "checkpoints" / SECOND)
    return folder


@pytest.fixture
def run(original, tmp_path) -> Path:
    checkpoint._tell.cache_clear()
    return Path(shutil.copytree(original, tmp_path / "ppo"))


def file_of(run: Path, name: str) -> Path:
    return run / name if name == END else run / "checkpoints" / name


def cut(share: float) -> Callable[[Path], None]:
    def do(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(share * len(content))])

    return do


def flip(share: float) -> Callable[[Path], None]:
    def do(file: Path) -> None:
        content = bytearray(file.read_bytes())
        place = int(share * len(content))
        content[place] ^= 0xFF
        file.write_bytes(content)

    return do


def without(name: str) -> Callable[[Path], None]:
    """The same archive without a member, or with an empty one."""

    def do(file: Path) -> None:
        with zipfile.ZipFile(file) as old:
            members = {n: old.read(n) for n in old.namelist()}
        with zipfile.ZipFile(file, "w") as new:
            for member, content in members.items():
                if member != name:
                    new.writestr(member, content)

    return do


def with_data(text: str) -> Callable[[Path], None]:
    def do(file: Path) -> None:
        without("data")(file)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("data", text)

    return do


DAMAGES = {
    "empty": cut(0.0),
    "one byte": lambda file: file.write_bytes(b"P"),
    **{f"cut at {share}": cut(share) for share in (0.01, 0.3, 0.5, 0.9, 0.999)},
    **{f"flipped at {share}": flip(share) for share in (0.2, 0.5)},
    "text": lambda file: file.write_text("not a zip"),
    "no weights": without("policy.pth"),
    "no settings": without("data"),
    "settings are no table": with_data("[1]"),
    "settings are nested": with_data("[" * 100_000),
    "settings are empty": with_data("{}"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_end_is_passed_over(run, damage, capsys):
    DAMAGES[damage](file_of(run, END))
    assert model_file(run) == file_of(run, SECOND)
    assert load_agent(run).name == f"ppo/{SECOND.removesuffix('.zip')}"
    said = capsys.readouterr().err
    assert said == f"note: {run}: model.zip is damaged; using {SECOND}, the newest whole one\n"


def test_the_newest_whole_one_is_used(run, capsys):
    file_of(run, END).unlink()
    cut(0.5)(file_of(run, SECOND))
    assert newest_checkpoint(run) == file_of(run, SECOND)
    results = evaluate([run], scenario=SCENARIO, episodes=2)
    assert results.policies == [f"ppo/{FIRST.removesuffix('.zip')}"]
    whole = evaluate([file_of(run, FIRST)], scenario=SCENARIO, episodes=2)
    np.testing.assert_array_equal(
        results.figure(results.policies[0], "return"), whole.figure(whole.policies[0], "return")
    )
    assert f"{SECOND} is damaged; using {FIRST}" in capsys.readouterr().err


def test_a_run_goes_on_from_the_newest_whole_one(run, original, capsys):
    cut(0.7)(file_of(run, END))
    cut(0.7)(file_of(run, SECOND))
    assert main(["train", "--resume", str(run), "--quiet"]) == 0
    assert f"model.zip, {SECOND} are damaged; using {FIRST}" in capsys.readouterr().err
    assert read_weights(file_of(run, END), "cpu")[1]["num_timesteps"] == 256


def test_without_a_whole_one_all_are_named(run, capsys):
    for name in (END, FIRST, SECOND):
        cut(0.5)(file_of(run, name))
    for words in (["train", "--resume", str(run), "--quiet"], ["evaluate", str(run), "--episodes", "1"]):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert f"each of model.zip, {SECOND}, {FIRST} is not a whole stable-baselines3 model" in said
        assert len(said.strip().splitlines()) == 1
        assert len(said) < 500


def test_a_damaged_file_that_was_asked_for_is_refused(run):
    cut(0.5)(file_of(run, SECOND))
    with pytest.raises(ValueError, match=f"{SECOND}' is not a whole stable-baselines3 model: "):
        load_agent(file_of(run, SECOND))


# ------------------------------------------------------------------ overwriting
@pytest.mark.parametrize("config", [None, "", "{}", "[]", '{"format": "other"}', '{"format": 3}', "[" * 100_000])
@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", END])
def test_what_is_no_run_is_left_alone(tmp_path, monkeypatch, capsys, name, config):
    monkeypatch.setattr("splitgym.agents.training.build_model", lambda config: pytest.fail("refused too late"))
    mine = tmp_path / name / "step_000000000001.zip" if name != END else tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    for words in ([], ["--overwrite"]):
        assert main(["train", "--out", str(tmp_path), "--quiet", *words]) == 2
        assert "which 'splitgym train' did not write" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert config is None or (tmp_path / "config.json").read_text() == config


def test_overwriting_follows_no_link_and_takes_only_its_own(run, tmp_path):
    outside = tmp_path / "outside"
    for name in ("checkpoints", "tensorboard"):
        (outside / name).mkdir(parents=True)
        (outside / name / FIRST).write_text("mine")
        (outside / name / "events.out.tfevents.1").write_text("mine")
    (run / "checkpoints" / "notes.txt").write_text("mine")
    (outside / END).write_text("mine")
    shutil.rmtree(run / "tensorboard")
    (run / "tensorboard").symlink_to(outside / "tensorboard")
    (run / END).unlink()
    (run / END).symlink_to(outside / END)
    (run / "checkpoints" / SECOND).unlink()
    (run / "checkpoints" / SECOND).symlink_to(outside / "checkpoints" / FIRST)
    train(tiny(steps=128, checkpoint_every=10_000), run, overwrite=True, progress=False)
    assert {p.read_text() for p in outside.rglob("*") if p.is_file()} == {"mine"}
    assert len([p for p in outside.rglob("*") if p.is_file()]) == 5
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["notes.txt"]
    assert not any((run / name).is_symlink() for name in (END, "tensorboard"))
    assert read_weights(run / END, "cpu")[1]["num_timesteps"] == 128


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "files"])
def test_a_resumed_run_writes_through_no_link(name, run, tmp_path):
    """A run from elsewhere could have its checkpoints written over those of another."""
    outside = tmp_path / "outside"
    (run / name).rename(outside) if (run / name).is_dir() else outside.mkdir()
    (run / name).symlink_to(outside)
    there = {file: file.read_bytes() for file in outside.iterdir()}
    with pytest.raises(ValueError, match=rf"{name} is a link; a run follows none"):
        train(tiny(), run, resume=True, progress=False)
    assert {file: file.read_bytes() for file in outside.iterdir()} == there


def test_a_run_that_begins_anew_keeps_its_files_behind_no_link(run, tmp_path):
    (tmp_path / "outside").mkdir()
    (run / "files").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="files is a link; a run follows none"):
        train(tiny(), run, overwrite=True, progress=False)
    assert (run / END).is_file()  # refused before anything is thrown away


@pytest.mark.parametrize("algo", ["ppo", "recurrent-ppo", "a2c", "sac", "tqc"])
def test_an_agent_whose_noise_has_a_state_is_read_back(algo, tmp_path):
    """Its networks have more weights, which the hyper-parameters say and not the list of layers."""
    hyper = dict(tiny(algo=algo).hyper) if "ppo" in algo else {}
    hyper |= {"learning_starts": 32, "buffer_size": 1000} if algo in ("sac", "tqc") else {}
    config = tiny(algo=algo, action="box", steps=64, hyper={**hyper, "use_sde": True})
    folder = train(config, tmp_path / "run", progress=False)
    results = evaluate(folder, scenario=SCENARIO, episodes=1)
    assert np.isfinite(results.figure("run", "return")).all()
    train(config, folder, resume=True, progress=False)
