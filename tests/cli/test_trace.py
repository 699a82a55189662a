"""``splitgym trace import``: what it says, the lines that it prints, and what it refuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from splitgym.cli import main
from splitgym.recorded import import_log
from splitgym.recorded.channel import ChannelLog
from splitgym.worlds.world import WORLDS

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "samples"


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [f"{second},{-90 - second % 20},{second % 7}" for second in range(300)]
    (tmp_path / "drive.csv").write_text("time,RSRP,SNR\n" + "\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "drive.csv"


def test_it_says_what_it_understood(drive, capsys):
    assert main(["trace", "import", "drive.csv"]) == 0
    said = capsys.readouterr().out
    assert "column 'RSRP' in dBm" in said
    assert "RSRP - 15.2 dBm (assumed; say sent_dbm); -124.2 to -105.2 dB" in said
    assert "240 s, 240 values" in said
    assert "█" in said
    section = said[said.index("[radio.recorded]") :]
    assert tomllib.loads(section) == {"radio": {"recorded": {"file": "drive.csv"}}}


def test_what_it_prints_makes_the_scenario(drive, capsys):
    options = ["--column", "SNR", "--sent-dbm", "23", "--train-share", "0.5", "--mean-gain-db=-110"]
    assert main(["trace", "import", "drive.csv", *options]) == 0
    said = capsys.readouterr().out
    table = tomllib.loads("\n".join(line.strip() for line in said[said.index("[radio.recorded]") :].splitlines()))
    scenario = WORLDS["inference"].load_scenario("default", **{"radio.recorded": table["radio"]["recorded"]})
    assert scenario.radio.recorded.sent_dbm == 23.0
    found = import_log("drive.csv", column="SNR", sent_dbm=23.0, train_share=0.5, mean_gain_db=-110.0)
    assert isinstance(found.log, ChannelLog)
    assert 10.0 * np.log10(found.log.gain).mean() == pytest.approx(-110.0)


def test_machines_get_json_and_a_picture(drive, capsys):
    assert main(["trace", "import", "drive.csv", "--json", "--plot", "drive.png"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["values"]) == ("channel", {"train": 240, "test": 60})
    assert Path("drive.png").read_bytes().startswith(b"\x89PNG")


def test_arrivals(drive, capsys):
    Path("requests.csv").write_text("time\n" + "\n".join(str(0.5 * k) for k in range(40)) + "\n", encoding="utf-8")
    assert main(["trace", "import", "requests.csv", "--mean-s", "0.4", "--plot", "requests.svg"]) == 0
    said = capsys.readouterr().out
    assert "40, one row each" in said
    assert "all times by 0.8, to the mean gap of 0.4 s" in said
    table = tomllib.loads("\n".join(line.strip() for line in said[said.index("[arrivals]") :].splitlines()))
    assert table["arrivals"] == {"model": "log", "parameters": {"file": "requests.csv", "mean_s": 0.4}}
    assert WORLDS["inference"].load_scenario("default", **table).arrivals.model == "log"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gone.csv"], "no such log file: 'gone.csv'"),
        (["drive.csv", "--column", "RSRQ"], "line 1: no column 'RSRQ'; did you mean 'RSRP'?"),
        (["drive.csv", "--kind", "arrivals", "--unit", "dB"], "an arrivals log has no option 'unit'"),
        (["drive.csv", "--unit", "dB"], "rsrp is in dBm, got unit 'dB'"),
        (["drive.csv", "--plot", "drive.txt"], "--plot needs a file that ends in"),
    ],
)
def test_mistakes(drive, capsys, arguments, expected):
    assert main(["trace", "import", *arguments]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not here")
@pytest.mark.parametrize(("name", "kind"), [("drive_5g", "channel"), ("arrivals_llm", "arrivals")])
def test_the_samples(capsys, name, kind):
    assert main(["trace", "import", str(SAMPLES / f"{name}.csv")]) == 0
    assert f"{name}.csv: {kind}" in capsys.readouterr().out
