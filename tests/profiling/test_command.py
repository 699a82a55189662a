"""``splitgym profile`` and ``splitgym list --dnn``."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.profiles import load_profile
from splitgym.show.curves import curves_figure

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch.export about itself
NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        convolutions = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
        super().__init__(*convolutions, nn.Flatten(), nn.Linear(128, 10))

ready = Net()
number = 3

def broken():
    raise RuntimeError("no weights")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def test_from_a_file_of_code_to_a_comparison(capsys: Any) -> None:
    words = ["profile", "net.py:Net", "--input", "1x3x16x16", "--out", "mine.toml", "--plot", "mine.png"]
    assert main([*words, "--accuracy", "0.7"]) == 0
    said = capsys.readouterr().out
    for part in ("mine: 0.0243 MMAC", "8x8x8", "accuracy_full: measured: as given", "modelled: 4 + 20", "mine.png"):
        assert part in said
    profile = load_profile("mine.toml")
    assert [b.macs for b in profile.blocks] == [27 * 8 * 64, 72 * 8 * 16, 1280]
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")
    next_one = said.partition("next: splitgym ")[2].split("\n")[0].split()
    assert next_one == ["evaluate", "enachi", "device", "--set", "dnn=mine.toml"]
    assert main([*next_one, "--episodes", "1", "--set", "tasks.count=3"]) == 0


def test_json_says_what_was_counted(capsys: Any) -> None:
    assert main(["profile", "net.py:ready", "--input", "1x3x16x16", "--cuts", "1", "--json", "--bits", "4"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(c["name"], c["parameters"], c["bits"]) for c in told["cuts"]] == [("1", 224, 2048.0), ("5", 1874, 40.0)]
    assert told["profile"]["blocks"][0]["name"] == "1"
    assert told["uncounted"] == {}
    assert told["files"] == {"profile": None, "picture": None}


def test_blocks_are_timed_on_request(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which every block takes 2 ms: 24,320 MAC in 6 ms are 0.00203 MAC in each of 2e9 cycles a second."""
    ticks = itertools.count()
    monkeypatch.setattr("splitgym.profiling.block_times.time.perf_counter", lambda: 2e-3 * next(ticks))
    words = ["profile", "net.py:Net", "--input", "1x3x16x16", "--measure", "--clock", "2e9"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["measured"]
    assert list(told["seconds"].values()) == pytest.approx([2e-3] * 3)
    assert told["macs_per_cycle"] == pytest.approx((27 * 8 * 64 + 72 * 8 * 16 + 1280) / 6e-3 / 2e9)
    assert told["threads"] >= 1
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "median of 15 runs" in said
    assert "--set device.macs_per_cycle=" in said
    assert main(words[:-2]) == 0
    assert "macs_per_cycle" not in capsys.readouterr().out


def test_times_go_into_the_file_and_its_digest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two packages whose counters rise by 4 and 1 mJ with every look at the clock, 2 ms apart: 2.5 W."""
    for name, most in (("intel-rapl:0", 2**38), ("intel-rapl:1", 70_000), ("intel-rapl:0:0", 2**38), ("dtpm", 1)):
        (tmp_path / "sys" / name).mkdir(parents=True)
        (tmp_path / "sys" / name / "max_energy_range_uj").write_text(f"{most - 1}\n")
        (tmp_path / "sys" / name / "energy_uj").write_text("66000\n")
    ticks = itertools.count()

    def clock() -> float:
        for name, rise, most in (("intel-rapl:0", 4000, 2**38), ("intel-rapl:1", 1000, 70_000)):
            file = tmp_path / "sys" / name / "energy_uj"
            file.write_text(f"{(int(file.read_text()) + rise) % most}\n")
        return 2e-3 * next(ticks)

    monkeypatch.setattr("splitgym.profiling.block_times.time.perf_counter", clock)
    monkeypatch.setattr("splitgym.profiling.block_times.COUNTED_S", 0.05)
    monkeypatch.setattr("splitgym.profiling.rapl.FOLDER", tmp_path / "sys")
    words = ["profile", "net.py:Net", "--input", "1x3x16x16", "--out"]
    assert main([*words, "timed.toml", "--name", "mine", "--measure"]) == 0
    timed = load_profile("timed.toml")
    assert [b.time_s for b in timed.blocks] == pytest.approx([2e-3] * 3)
    assert [b.energy_j for b in timed.blocks] == pytest.approx([5e-3] * 3)
    assert timed.source["blocks.time_s"].startswith("measured: on one machine, ")
    assert timed.source["blocks.energy_j"] == (
        "measured: RAPL counters of the processor's packages, idle power included, mean over 0.05 s"
    )
    monkeypatch.setattr("splitgym.profiling.rapl.FOLDER", tmp_path / "none")
    assert main([*words, "uncounted.toml", "--name", "mine", "--measure"]) == 0
    uncounted = load_profile("uncounted.toml")
    assert [b.energy_j for b in uncounted.blocks] == [None] * 3
    assert uncounted.source["blocks.energy_j"].startswith("modelled: ")
    assert main([*words, "plain.toml", "--name", "mine"]) == 0
    plain = load_profile("plain.toml")
    assert "time_s" not in Path("plain.toml").read_text(encoding="utf-8")
    assert timed.digest() == uncounted.digest() == plain.digest()  # times decide nothing


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["net.py:Nut"], "MODEL: 'net.py' has no 'Nut'; did you mean 'Net'?"),
        (["net.py:broken"], "MODEL: 'net.py:broken' fails: RuntimeError: no weights"),
        (["net.py:number"], "model must be a torch.nn.Module, or the path of an .onnx file, got 3"),
        (["net.py"], "MODEL needs FILE.py:NAME or MODULE:NAME, got 'net.py'"),
        (["net.py:Net", "--input", "3,16,16"], "--input must be sizes with x between, such as 1x3x224x224"),
        (["net.py:Net", "--input", "1x1x16x16"], "Net does not run on an input of shape (1, 1, 16, 16)"),
        (["net.py:Net", "--out", "mine.json"], "--out needs a file that ends in .toml"),
    ],
)
def test_mistakes_are_told_in_a_line(words: list[str], told: str, capsys: Any, folder: Path) -> None:
    if "--input" not in words:
        words = [*words, "--input", "1x3x16x16"]
    assert main(["profile", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_a_network_is_shown_and_drawn(capsys: Any) -> None:
    assert main(["list", "--dnn", "resnet50", "--plot", "r.png"]) == 0
    said = capsys.readouterr().out
    assert "resnet50: 4.09 GMAC, 6 cut points, 2 exits" in said
    rows = [line.replace("│", " ").split() for line in said.splitlines() if "layer2" in line]
    assert rows == [["layer2", "1028", "44%", "512x28x28", "3211", "16", "45%"]]
    assert Path("r.png").read_bytes().startswith(b"\x89PNG")
    assert main(["list", "--plot", "r.png"]) == 2
    assert "name it with --dnn" in capsys.readouterr().err
    assert main(["list", "--dnn", "resnet50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["blocks"][2]["name"] == "layer1"


def test_several_networks_and_their_curves(capsys: Any) -> None:
    """A panel for each; a measured table shows its points, a modelled curve has none."""
    assert main(["list", "--dnn", "digits", "resnet50", "--curves", "c.png"]) == 0
    said = capsys.readouterr().out
    assert said.index("digits: 0.319 MMAC") < said.index("resnet50: 4.09 GMAC")
    assert said.endswith("curves: c.png\n")
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")
    assert main(["list", "--dnn", "digits", "resnet50", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["digits", "resnet50"]
    assert main(["list", "--dnn", "digits", "resnet50", "--plot", "c.png"]) == 2
    assert "--plot draws one network, got 2 by --dnn" in capsys.readouterr().err
    assert main(["list", "--curves", "c.png"]) == 2
    assert "name it with --dnn" in capsys.readouterr().err
    digits, resnet = (load_profile(name) for name in ("digits", "resnet50"))
    measured, modelled = curves_figure([(digits, {}), (resnet, {})]).axes
    tables = [block.curve for block in digits.blocks if block.curve is not None]
    shown = [100.0 * np.array([table.shares, table.accuracies]).T for table in tables]
    assert all(np.allclose(marks.get_offsets(), one) for marks, one in zip(measured.collections, shown, strict=True))
    assert not modelled.collections


def test_the_picture_shows_every_block_and_cut() -> None:
    from splitgym.show.network import network_figure

    profile = splitgym.load_profile("alexnet")
    upper, lower, *_ = network_figure(profile, 8.0).axes
    assert [bar.get_height() for bar in upper.patches] == [b.macs / 1e6 for b in profile.blocks]
    sent = [3 * 224 * 224, *(b.elements for b in profile.blocks[:-1])]
    assert [bar.get_height() for bar in lower.patches] == [8 * n / 1e3 for n in sent]
    assert [label.get_text() for label in lower.get_xticklabels()] == list(profile.cut_names)
    assert [text.get_text() for text in upper.texts] == [f"exit: {e.share:.0%}" for e in profile.exits]


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2", "alexnet", "vgg16", "vit_b16", "many exits"])
def test_no_words_of_the_picture_lie_over_bars_or_words(name: str) -> None:
    from splitgym.show.network import network_figure

    profile = splitgym.load_profile("mobilenet_v2" if name == "many exits" else name)
    if name == "many exits":
        after = [profile.cut_names[k] for k in (2, 3, 4, 5, 12, 19)]
        exits = [{"after": cut, "macs": 1, "share": 0.1 * k} for k, cut in enumerate(after)]
        profile = profile.replace(exits=exits)
    figure = network_figure(profile, 8.0)
    figure.canvas.draw()
    bars = [bar.get_window_extent() for axes in figure.axes for bar in axes.patches]
    written = [text for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title, axes._right_title)]
    words = [text.get_window_extent() for text in written if text.get_text()]
    assert len(words) == len(profile.exits) + 2
    for k, box in enumerate(words):
        assert not any(box.overlaps(other) for other in [*bars, *words[:k]])


def test_labels_go_into_the_lowest_row_with_room() -> None:
    from splitgym.show.network import label_rows

    assert label_rows([1, 2, 3, 3.5, 9], 1.5) == [0, 1, 0, 1, 0]
    assert label_rows([1, 2, 2.5], 1.5) == [0, 1, 0]
    assert label_rows([], 1.0) == []
