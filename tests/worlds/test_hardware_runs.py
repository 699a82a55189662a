"""Tables of measured runs: what is read, and what is refused with file, line, column and remedy."""

from __future__ import annotations

import re

import numpy as np
import pytest

from splitgym import load_scenario
from splitgym.named_files import named_file
from splitgym.worlds.hardware.measured.columns import QUANTITIES, places_of
from splitgym.worlds.hardware.measured.runs import Reading

HEAD = "clock_mhz,accelerator,split,gpu,latency_ms,energy_edge_j,energy_cloud_j,accuracy"
GOOD = "1500,off,0,true,100,0.5,60,0.6"
LAST = "1500,off,2,false,900,3,0,0.65"
GOOD_TABLE = "\n".join([HEAD, GOOD, LAST])


def refused(folder, text, **options):
    """The message of the refusal of a table."""
    file = folder / "m.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (each caller looks at the whole message)
        load_scenario("default", "HardwareSplit-v0", hardware={"file": str(file), **options})
    message = str(caught.value)
    assert "m.csv" in message or message.startswith(("hardware.", "unknown "))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1500,off,0,true,100,0.5,60", "line 3: expected 8 fields between commas, got 7"),
        ("1500,off,0,true,100,0.5,60,0.6,7", "line 3: expected 8 fields between commas, got 9.*decimal comma"),
        ("fast,off,0,true,100,0.5,60,0.6", r"line 3, column 1 \(clock_mhz\): expected a number, got 'fast'"),
        ("1500,turbo,1,true,100,0.5,60,0.6", r"line 3, column 2 \(accelerator\): expected off, std or max, got"),
        ("1500,off,one,true,100,0.5,60,0.6", r"line 3, column 3 \(split\): expected a whole number from 0 to 127, got"),
        ("1500,off,-1,true,100,0.5,60,0.6", r"line 3, column 3 \(split\): expected a whole number"),
        ("1500,off,1.5,true,100,0.5,60,0.6", r"line 3, column 3 \(split\): expected a whole number"),
        ("1500,off,128,true,100,0.5,60,0.6", r"line 3, column 3 \(split\): expected a whole number from 0 to 127"),
        ("1500,off,1,perhaps,100,0.5,60,0.6", r"line 3, column 4 \(gpu\): expected true or false, got 'perhaps'"),
        ("1500,off,1,true,,0.5,60,0.6", r"line 3, column 5 \(latency_ms\): expected a number, got ''"),
        ("1500,off,1,true,0,0.5,60,0.6", r"line 3, column 5 \(latency_ms\) must be a finite number >= 1e-06.*the unit"),
        ("1500,off,1,true,nan,0.5,60,0.6", r"line 3, column 5 \(latency_ms\): expected a number, got 'nan'"),
        ("1500,off,1,true,1e999,0.5,60,0.6", r"line 3, column 5 \(latency_ms\): expected a finite number"),
        ("1500,off,1,true,100,-0.5,60,0.6", r"line 3, column 6 \(energy_edge_j\) must be a finite number >= 0"),
        ("1500,off,1,true,100,0.5,60,60", r"line 3, column 8 \(accuracy\) must be .* <= 1, got 60.*76 % are 0.76"),
        ("1500,max,0,true,100,0.5,60,0.6", r"line 3, column 2 \(accelerator\): must be off at split layer 0"),
        ("1500,off,2,true,100,0.5,0,0.6", r"line 3, column 4 \(gpu\): must be false at split layer 2.*hardware.splits"),
        ("1500,off,2,false,100,0.5,60,0.6", r"line 3, column 7 \(energy_cloud_j\): must be 0 at split layer 2"),
        ("0,off,1,true,100,0.5,60,0.6", r"line 3, column 1 \(clock_mhz\) must be a finite number >= 1"),
        ('1500,"off,1,true,100,0.5,60,0.6', "line .*: "),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused(line, told, tmp_path):
    """With file, line and column, and what was expected there."""
    message = refused(tmp_path, "\n".join([HEAD, GOOD, line, LAST]))
    assert re.search(told, message), message


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("clock,accelerator,split,gpu,latency_ms,energy_edge_j,energy_cloud_j,accuracy",
         "column 'clock' does not say its unit; call it clock_mhz or the like, or set hardware.units.clock to MHz or"),
        (HEAD.replace("latency_ms", "time_ms"), "no column for latency: expected one called 'latency_ms'"),
        (HEAD.replace("energy_cloud_j", "server"), "no column for energy_cloud.*hardware.columns.energy_cloud"),
        (HEAD.replace("split", "layer"), "no column for split: expected one called 'split'"),
        (HEAD.replace("accuracy", "latency_s"), "columns 'latency_ms' and 'latency_s' both are the latency"),
        (HEAD.replace("accuracy", "SPLIT"), "line 1: the header has the column 'SPLIT' twice|'split' twice"),
        ("", "it is empty"),
        ("no table at all", "line 2: expected 1 fields between commas, got 8"),
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused(head, told, tmp_path):
    message = refused(tmp_path, "\n".join([head, GOOD, LAST]) if head else "")
    assert re.search(told, message), message


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (HEAD, {}, "it has no line below the header"),
        (f"{HEAD}\n{LAST}", {}, "it has no run at split layer 0, all on the server"),
        (f"{HEAD}\n{GOOD}", {}, "it has split layer 0 only; name all of them with hardware.splits"),
        (GOOD_TABLE, {"splits": ["input", "end"]}, r"expected a whole number from 0 to 1 or one of input, end"),
        (GOOD_TABLE, {"columns": {"clok": "x"}}, "unknown quantity .*columns.clok; did you mean 'clock'"),
        (GOOD_TABLE, {"columns": {"clock": "cpu"}}, "hardware.columns.clock: no column 'cpu'"),
        (GOOD_TABLE, {"columns": {"gpu": "split", "split": "split"}}, "'split' is both gpu and split"),
        (GOOD_TABLE, {"units": {"clock": "rpm"}}, "must be MHz or GHz or Hz or kHz, got 'rpm'"),
        (GOOD_TABLE, {"units": {"split": "m"}}, "hardware.units.split must be left out: it has no unit"),
        (GOOD_TABLE, {"kind": "tables"}, "hardware.kind must be 'table' or 'fitted', got 'tables'"),
        (GOOD_TABLE, {"cut_bits": [1.0]}, "hardware.cut_bits is for kind = 'fitted' only"),
        (GOOD_TABLE, {"thresholds_s": [2.0, 1.0]}, "hardware.thresholds_s must be two, ascending"),
        (GOOD_TABLE, {"objectives": ["power"]}, "hardware.objectives must be some of"),
        (GOOD_TABLE.replace(",accuracy", ",note"), {"objectives": ["accuracy"]}, "has no column accuracy"),
        (f"{HEAD},latency_edge_ms,latency_cloud_ms,latency_transfer_ms\n{GOOD},5,60,10\n{LAST},900,0,0", {},
         r"line 2, column 5 \(latency_ms\): is 0.1 s, its stages come to 0.075 s; are the units right"),
        (b"\x1f\x8b\x08\x00", {}, "a gzip file; unpack it"),
        (b"clock_mhz,\xff\xfe,split", {}, "save the file as UTF-8"),
        (HEAD + "\n" + "\n".join(GOOD.replace("1500", str(1500 + i)) for i in range(17)) + f"\n{LAST}", {},
         r"column 1 \(clock_mhz\): it has 17 different clocks, 16 are possible"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused(text, options, told, tmp_path):
    message = refused(tmp_path, text, **options)
    assert re.search(told, message), message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"hardware.file: no such file: '.*absent.csv' \(looked for in"):
        load_scenario("default", "HardwareSplit-v0", hardware=str(tmp_path / "absent.csv"))
    with pytest.raises(ValueError, match=r"hardware\.file must name the table of measured runs"):
        load_scenario("default", "HardwareSplit-v0", hardware={"file": ""})


@pytest.mark.parametrize(
    ("title", "quantity", "factor"),
    [
        ("clock_mhz", "clock", 1e6),
        ("Clock [GHz]", "clock", 1e9),
        ("clock (Hz)", "clock", 1.0),
        ("Energy Edge (mJ)", "energy_edge", 1e-3),
        ("energy-edge-J", "energy_edge", 1.0),
        ("accuracy (%)", "accuracy", 0.01),
        ("accuracy_percent", "accuracy", 0.01),
        ("latency edge us", "latency_edge", 1e-6),
        ("bits_kib", "bits", 8192.0),
        ("bits (KB)", "bits", 8000.0),
        ("bits", "bits", 1.0),
    ],
)
def test_titles_say_quantity_and_unit(title, quantity, factor):
    names = {"clock": "clock_hz", "split": "split", "latency": "latency_s"}
    names |= {"energy_edge": "energy_edge_j", "energy_cloud": "energy_cloud_j", quantity: title}
    place = places_of(list(names.values()), {}, {})[quantity]
    assert (place.title, place.factor) == (title, factor)


def test_what_was_read_and_what_was_not(tmp_path):
    """Stages without a transfer leave it what remains; other columns are named as ignored."""
    file = tmp_path / "m.csv"
    file.write_text(
        "clock_ghz,split,latency_s,latency_edge_s,latency_cloud_s,energy_edge_j,energy_cloud_j,note,bits_kib\n"
        "1,0,0.1,0.02,0.05,1,60,x,100\n\n# the edge device alone\n1,1,0.5,0.5,0,3,0,y,0\n"
    )
    runs = Reading()(named_file(file, "no such file"))
    assert (runs.staged, runs.last_split, runs.ignored, len(runs)) == (True, 1, ("note",), 2)
    assert runs.line.tolist() == [2, 5]
    np.testing.assert_allclose(runs.transfer_s, [0.03, 0.0], rtol=1e-12)
    np.testing.assert_allclose(runs.bits, [819200.0, 0.0], rtol=1e-12)
    assert np.isnan(runs.accuracy).all()
    assert runs.columns["bits"] == "bits_kib"
    assert set(runs.columns) <= set(QUANTITIES)
    assert (runs.accelerator == 0).all()
    assert (runs.gpu == 0).all()
