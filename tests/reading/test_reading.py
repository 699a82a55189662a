"""Files of users: read as meant, or refused in one short line with file, place and what was expected."""

from __future__ import annotations

import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from splitgym.baselines.dpp_model import TaskModel
from splitgym.fronts import Front
from splitgym.placement.instance import load_instance
from splitgym.quoting import MOST, cut, listed, shown
from splitgym.reading import column_of, json_of, read_arrays, read_bytes, text_of, toml_of
from splitgym.toml import read_pairs
from splitgym.traces.arrivals import check_instants
from splitgym.worlds.world import WORLDS
from tests.fuzz.files import formats, instants_of, read_files, run_files

TEXTS = [form for form in formats() if not form.binary and form.name != "store.csv"]
ARCHIVES = [form for form in formats() if form.binary]
LOADED = [form for form in TEXTS if not form.of_folder]


# ------------------------------------------------------------------ one column of a table
@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"arrival_s\n0.0\n0.052\n", [0.0, 0.052]),
        (b"\xef\xbb\xbfarrival_s\n1\n2", [1.0, 2.0]),
        ("arrival_s\n0.5\n".encode("utf-16"), [0.5]),
        (b"\xff\xfe" + "a;arrival_s\n1;0,5\n".encode("utf-16-le"), [0.5]),
        (b"\xfe\xff" + "arrival_s\n0.5\n".encode("utf-16-be"), [0.5]),
        (b"arrival_s\r0.5\r1.5\r", [0.5, 1.5]),
        (b"arrival_s\r\n0.5\r\n\r\n1.5\r\n", [0.5, 1.5]),
        (b"name;arrival_s\na;0,052\nb;1,5\n", [0.052, 1.5]),
        (b"name\tarrival_s\na\t0,052\nb\t1\n", [0.052, 1.0]),
        (b"name;arrival_s\na;1,234\nb;1,5\n", [1.234, 1.5]),
        (b'name,arrival_s\n"a, b","0.5"\n', [0.5]),
        (b"Arrival_S , x\n0.5,1\n", [0.5]),
        (b'"arrival_s";"x"\n"0,5";"1"\n', [0.5]),
        (b"arrival_s,\n0.5,\n1,\n", [0.5, 1.0]),
        (b"arrival_s;;\n0,5\n1;\n", [0.5, 1.0]),
        (b"\n# made by hand\n\narrival_s\n# one\n0.5\n\n  \n1e1\n", [0.5, 10.0]),
        (b"a,arrival_s,b\n,0.5,\n,,\n", [0.5]),
        (b"arrival_s\n+.5\n5.\n", [0.5, 5.0]),
        ("arrival_s,ort\n0.5,Zürich\n".encode(), [0.5]),
        (b"arrival_s\n", []),
    ],
)
def test_columns_that_are_read(content, values):
    np.testing.assert_array_equal(column_of(content, "a.csv", "arrival_s"), values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"arrival_s\n0,052\n", r"a\.csv, line 2: expected 1 fields between commas, got 2.*decimal comma"),
        (b'arrival_s\n"0,052"\n', r"a\.csv, line 2, column 1 \(arrival_s\): expected a number, got '0,052'.*point"),
        (b"x;arrival_s\n1;1.234,5\n", r"line 2, column 2 .* got '1\.234,5'"),
        (b"x;arrival_s\n1;1,234\n2;1,234\n", r"line 2, column 2 .* decimal comma or a thousands separator"),
        (b"x;arrival_s\n1;0,5\n2;1.5\n", r"line 3, column 2 .* another decimal mark"),
        (b"x,arrival_s\n1,2,3\n", r"line 2: expected 2 fields between commas, got 3"),
        (b"x,arrival_s\n1\n", r"line 2: expected 2 fields between commas, got 1"),
        (b"arrival_s,x,ARRIVAL_S\n1,2,3\n", r"line 1: the header has the column 'arrival_s' twice"),
        (b"arrival_ms\n1\n", r"line 1: expected a header with the column 'arrival_s' \(it has: 'arrival_ms'\)"),
        (b"arrival_s [s]\n1\n", r"line 1: .*it has: 'arrival_s \[s\]'"),
        (b"a|arrival_s\n1|2\n", r"line 1: .*it has: 'a\|arrival_s'"),
        (b'"a\nb",arrival_s\n1,2\n', r"line 1: .*it has: '\"a'"),
        (b"a;arrival_s\n1;1 234,5\n", r"line 2, column 2 .*got '1 234,5'"),
        (b"arrival_s\n300 ms\n", r"line 2, column 1 .*got '300 ms'"),
        (b"\x1f\x8b\x08\x00", r"a\.csv is a gzip file; unpack it"),
        (b"PK\x03\x04\x14\x00", r"a\.csv is a zip or npz archive; unpack it, or let its name end in \.npz"),
        (b"\x93NUMPY\x01\x00", r"a\.csv is an npy file, not a text"),
        (b"0.5\n1.5\n", r"line 1: expected a header with the column 'arrival_s'.*it has: '0\.5'"),
        (b"", r"line 1: it is empty"),
        (b"\n\n# x\n", r"it is empty"),
        (b"arrival_s\n1_000\n", r"line 2, column 1 .* got '1_000'"),
        ("arrival_s\n١\n".encode(), r"line 2, column 1 .* expected a number"),
        (b"arrival_s\ninf\n", r"line 2, column 1 .* got 'inf'"),
        (b"arrival_s\n1e400\n", r"line 2, column 1 .* expected a finite number, got '1e400'"),
        (b"arrival_s\ntrue\n", r"expected a number, got 'true'"),
        (b"arrival_s,x\n,1\n", r"line 2, column 1 .* got ''"),
        (b"arrival_s\n\xe4\n", r"a\.csv, line 2, column 1: bytes e4 0a are not UTF-8; save the file as UTF-8"),
        ("arrival_s\n1\n".encode("utf-16-le"), r"line 1, column 2: a NUL byte.*UTF-16 without"),
        (b'arrival_s\n"1\n', r"line 2: .*end of data"),
        (b'"arrival_s;x\n1;2\n', r"line 1: expected a header with the column 'arrival_s'"),
        (b"arrival_s\n" + b"x" * 9600, r"expected a number, got 'xxx"),
        (b"arrival_s\n" + b"x" * 200_000, r"field larger than field limit"),
    ],
)
def test_columns_that_are_refused(content, message):
    with pytest.raises(ValueError, match=message) as caught:
        column_of(content, "a.csv", "arrival_s")
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_no_number_is_ever_cut():
    """Whatever stands for a decimal comma, the value is that number or the file is refused."""
    for delimiter in ",;\t":
        for quote in ("", '"'):
            for digits in ("0,052", "12,5", "3,25e1", "1,234"):
                content = f"x{delimiter}arrival_s\n1{delimiter}{quote}{digits}{quote}\n".encode()
                try:
                    (value,) = column_of(content, "a.csv", "arrival_s")
                except ValueError:
                    continue
                assert value == float(digits.replace(",", ".")), content


# ------------------------------------------------------------------ tables
DEEP = 3000


@pytest.mark.parametrize(
    ("parse", "content", "message"),
    [
        (toml_of, b"x = " + b"[" * DEEP + b"]" * DEEP, "nested too deep"),
        (toml_of, b"x" + b".x" * DEEP + b" = 1", "nested too deep"),
        (json_of, b"[" * DEEP + b"]" * DEEP, "nested too deep"),
        (json_of, b'{"a":' * DEEP + b"1" + b"}" * DEEP, "nested too deep"),
        (json_of, b'{"a":' * 100 + b"1" + b"}" * 100, "nested too deep"),
        (toml_of, b"x = 1e400", "line 1, column 5: '1e400' is larger than the largest float"),
        (json_of, b'{"x":\n 1e400}', "line 2, column 2: '1e400' is larger than the largest float"),
        (json_of, b'{"x": ' + b"9" * 5000 + b"}", "a whole number of 5000 digits is too large"),
        (toml_of, b"x = " + b"9" * 5000, "not valid TOML"),
        (json_of, b'{"x": NaN}', "line 1, column 7: it holds NaN, which is not a number"),
        (json_of, b'{"x": -Infinity}', "it holds -Infinity, which is not a number"),
        (json_of, b'{"x": 1, "y": 2, "x": 3}', "the key 'x' stands twice in one table"),
        (toml_of, b"x = 1\nx = 2\n", r"Cannot overwrite a value \(at line 2"),
        (json_of, b"[1]", r"must hold a table, \{\.\.\.\}, got \[1\]"),
        (json_of, b"{} {}", "not valid JSON: Extra data: line 1 column 4"),
        (toml_of, b"x = 1\ny = \xe4", r"f, line 2, column 5: bytes e4 are not UTF-8"),
        (json_of, b'{"x": "\x00"}', "line 1, column 8: a NUL byte"),
    ],
)
def test_tables_that_are_refused(parse, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(content, "f")
    assert len(str(caught.value)) < 500
    assert str(caught.value).startswith("f")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marked_encodings_and_line_ends_are_read(encoding, end):
    text = '# ä\nx = 1\ny = "ü"\n'
    content = text.replace("\n", end).encode(encoding)
    assert text_of(content, "f") == text
    assert toml_of(content, "f") == {"x": 1, "y": "ü"}


def test_pairs_that_are_nested_too_deep_are_words():
    assert read_pairs([f"x={'[' * DEEP}"], "--set") == {"x": "[" * DEEP}


@pytest.mark.parametrize("value", ["5\ny = 6", "5\n[a]\nb = 1"])
def test_what_stands_behind_a_line_break_is_not_lost(value):
    assert read_pairs([f"x={value}"], "--set") == {"x": value}


# ------------------------------------------------------------------ all formats
@pytest.fixture(params=TEXTS, ids=lambda form: form.name)
def text_form(request):
    return request.param


def test_right_files_are_read(text_form, tmp_path):
    """Also with a byte-order mark and other line ends, to the same content."""
    path = tmp_path / text_form.name
    for content in text_form.seeds():
        plain = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
        path.write_bytes(plain)
        wanted = text_form.read(path)
        for other in (b"\xef\xbb\xbf" + plain, plain.replace(b"\n", b"\r\n"), plain.decode().encode("utf-16")):
            path.write_bytes(other)
            again = text_form.read(path)
            if isinstance(wanted, (Front, TaskModel)):
                assert again.to_dict() == wanted.to_dict()
            elif isinstance(wanted, np.ndarray):
                np.testing.assert_array_equal(again, wanted)
            else:
                assert again == wanted


@pytest.mark.parametrize("form", [*LOADED, *ARCHIVES], ids=lambda form: form.name)
def test_capital_suffixes(form, tmp_path):
    path = tmp_path / form.name.upper()
    path.write_bytes(form.seeds()[0])
    form.read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 99, b"\xff" * 9600, b"x" * 9600, b"[" * DEEP, b'{"a":' * DEEP, b"\xe4 = 1", b"PK\x03\x04" * 99],
)
def test_what_is_no_such_file_is_refused_by_name(content, tmp_path):
    for form in formats():
        path = tmp_path / form.name
        path.write_bytes(content)
        if form.name == "store.csv" and b"\n" not in content:
            continue  # a line that was never finished
        with pytest.raises(ValueError, match=form.name) as caught:
            form.read(path)
        assert len(str(caught.value)) < 500
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", [*LOADED, *ARCHIVES], ids=lambda form: form.name)
def test_folders_pipes_and_absent_files(form, tmp_path):
    (tmp_path / form.name).mkdir()
    os.mkfifo(tmp_path / f"pipe-{form.name}")
    for name, message in (
        (form.name, "is a folder"),
        (f"pipe-{form.name}", "is a pipe"),
        (f"no-{form.name}", "no such"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            form.read(tmp_path / name)
        assert name in str(caught.value)


def test_files_that_are_too_large_are_not_read(tmp_path):
    path = tmp_path / "large.toml"
    with path.open("wb") as stream:
        stream.truncate(2**40)  # takes no room on the disk
    for form in [*LOADED, *ARCHIVES]:
        with pytest.raises(ValueError, match=r"holds 1099511627776 bytes; .* may hold"):
            form.read(path.rename(tmp_path / form.name))
        (tmp_path / form.name).rename(path)
    with pytest.raises(ValueError, match="may hold 3 at most"):
        read_bytes(path, "x", 3)


@pytest.mark.parametrize("world", WORLDS)
def test_a_scenarios_file_is_named_with_what_is_wrong_in_it(world, tmp_path):
    path = tmp_path / "mine.toml"
    for text in ("zzz = 1", "dnn = 3", "arrivals = 'x'", "fading = 'x'", "hardware = 3", "name = 3", "base = []"):
        path.write_text(f"base = 'default'\n{text}\n" if "base" not in text else text)
        with pytest.raises(ValueError, match=r"mine\.toml"):
            WORLDS[world].load_scenario(path)


# ------------------------------------------------------------------ archives
def test_pickles_are_never_loaded(tmp_path):
    evil = np.empty(3, object)
    evil[:] = [Evil(tmp_path / "owned")] * 3
    path = tmp_path / "a.npz"
    np.savez(path, allow_pickle=True, arrival_s=evil)
    with pytest.raises(ValueError, match=r"array 'arrival_s' must hold real numbers .* got an array of object"):
        instants_of(path)
    path.write_bytes(pickle.dumps(Evil(tmp_path / "owned")))
    with pytest.raises(ValueError, match="is not an npz file"):
        instants_of(path)
    assert not (tmp_path / "owned").exists()


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3, bool), "real numbers of 8 bytes at most, got an array of bool"),
        (np.ones(3, complex), "got an array of complex128"),
        (np.ones(3, np.longdouble), "got an array of"),
        (np.array(["1", "2"]), "got an array of <U1"),
        (np.zeros(3, "M8[s]"), "got an array of datetime64"),
        (np.zeros(3, [("a", "f8")]), "got an array of"),
    ],
)
def test_arrays_of_other_kinds_are_refused(array, message, tmp_path):
    np.savez(tmp_path / "a.npz", arrival_s=array)
    with pytest.raises(ValueError, match=message):
        instants_of(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8, ">f8", ">i4"])
def test_real_numbers_are_read_as_float64(kind, tmp_path):
    np.savez(tmp_path / "a.npz", arrival_s=np.arange(3).astype(kind))
    times_s = instants_of(tmp_path / "a.npz")
    assert times_s.dtype == np.float64
    np.testing.assert_array_equal(times_s, [0.0, 1.0, 2.0])


def header(shape):
    """An npy file that claims float64 of a shape and holds 24 bytes."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"\0" * 24


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(1000000000000,)", "should take 8000000000000 bytes, the file holds 24"),
        ("(400000000,)", "should take 3200000000 bytes, the file holds 24"),
        ("(2,)", "should take 16 bytes, the file holds 24"),
        ("(-3,)", r"impossible shape \(-3,\)"),
        ("(True, 3)", r"impossible shape \(True, 3\)"),
        ("(1, 1, 1, 1, 1, 1, 1, 1, 3)", "impossible shape"),
        ("(3,)*9", ""),
    ],
)
def test_headers_that_claim_what_is_not_there(shape, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arrival_s.npy", header(shape))
    with pytest.raises(ValueError, match=rf"a\.npz is not a readable arrivals.*{message}"):
        instants_of(tmp_path / "a.npz")


@pytest.mark.parametrize("mark", [np.zeros(3), np.array("x" * 101), np.array(b"mark")])
def test_marks_are_short_texts(mark, tmp_path):
    np.savez(tmp_path / "a.npz", format=mark, x=np.zeros(3))
    with pytest.raises(ValueError, match="array 'format' must hold a text"):
        read_arrays(tmp_path / "a.npz", ("x",), "trace", mark=("format", "mark"))
    np.savez(tmp_path / "a.npz", format="mark", x=np.zeros(3))
    assert read_arrays(tmp_path / "a.npz", ("x",), "trace", mark=("format", "mark"))["x"].tolist() == [0.0] * 3


def test_archives_that_unpack_to_too_much_are_refused_before_they_are_unpacked(tmp_path):
    text = header("(400000000,)")[:-24]
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arrival_s.npy", text + b"\0" * 80)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    size = (len(text) + 80).to_bytes(4, "little")
    place = content.rindex(size, content.rindex(b"PK\x01\x02"))  # as the list of members tells it
    content[place : place + 4] = (len(text) + 3_200_000_000).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="take 3200000000 bytes; 268435456 are allowed"):
        instants_of(tmp_path / "a.npz")


def test_arrays_that_are_there_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header("(3,)"))
        archive.writestr("y.npy", header("(3,)"))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace(b"y.npy", b"x.npy"))
    with pytest.raises(ValueError, match="expected one array 'x', it has 2"):
        read_arrays(tmp_path / "a.npz", ("x",), "thing")


def test_masked_instants_are_refused():
    with pytest.raises(ValueError, match="masked entries"):
        check_instants(np.ma.array([0.0, 1.0], mask=[False, True]), 2, "here")


# ------------------------------------------------------------------ short messages
def test_shown_values_are_short():
    deep: list = []
    for _ in range(DEEP):
        deep = [deep]
    for value in (
        "x" * 10**6,
        b"\xff" * 10**6,
        10**6000,
        -(10**6000),
        list(range(10**6)),
        deep,
        {"a" * 999: "b" * 999},
        "a\nb",
    ):
        assert len(shown(value)) <= 120
        assert "\n" not in shown(value)
    assert [shown(v) for v in ("x", 3, 2.5, None, [1, 2], b"a")] == ["'x'", "3", "2.5", "None", "[1, 2]", "b'a'"]
    assert len(listed(f"name{i}" for i in range(10**4))) < 260
    assert listed(["a", "b"]) == "a, b"
    assert len(cut("x" * 9999)) == MOST
    assert cut("x" * MOST) == "x" * MOST


LONG = "x" * 9600


def test_messages_about_long_names_are_short():
    """Unknown names, keys and values in every registry and loader."""
    from splitgym.encodings import ENCODINGS
    from splitgym.policy import POLICIES
    from splitgym.profiles import load_profile
    from splitgym.suites import load_suite
    from splitgym.traces.arrivals import ARRIVALS
    from splitgym.traces.fading import FADING

    calls = [lambda r=r: r[LONG] for r in (WORLDS, ENCODINGS, POLICIES, ARRIVALS, FADING)]
    calls += [lambda: load_profile(LONG), lambda: load_suite(LONG), lambda: load_instance({LONG: 1})]
    calls += [lambda: load_instance({"instance": LONG}), lambda: load_instance({"format": LONG})]
    for name in WORLDS:
        load = WORLDS[name].load_scenario
        calls += [lambda load=load: load(LONG), lambda load=load: load("default", **{LONG: 1})]
        calls += [lambda load=load, v=v: load("default", name=v) for v in ([LONG], 10**6000, {LONG: LONG})]
        calls += [lambda load=load: load({"base": LONG}), lambda load=load: load({"base": "default", LONG: 1})]
    for call in calls:
        with pytest.raises(ValueError, match=r".") as caught:
            call()
        assert len(str(caught.value)) < 500, str(caught.value)[:300]


@pytest.mark.parametrize("world", WORLDS)
def test_whole_numbers_beyond_every_float_and_keys_that_are_arguments(world):
    load = WORLDS[world].load_scenario
    key = WORLDS[world].length or "early_stop.feedback_slots"
    for large in (10**400, -(10**400)):
        with pytest.raises(ValueError, match=f"{key} must be a finite number .*got a whole number of 1329 bits"):
            load("default", **{key: large})
    for name in ("scenario", "self"):
        with pytest.raises(ValueError, match=f"unknown key '{name}'"):
            load("default", **{name: 1})


# ------------------------------------------------------------------ mutated files
def test_mutated_files_are_read_or_refused():
    results = read_files(40, 12)
    assert set(results) == {form.name for form in formats()}
    assert [fault for counts in results.values() for fault in counts.faults] == []
    assert all(counts.read and counts.refused for counts in results.values())


def test_the_campaign_sees_faults(monkeypatch):
    """A reader that lets another exception, a long message or a NaN through is found."""
    import dataclasses

    from tests.fuzz import files

    form = next(form for form in formats() if form.name == "front.json")
    for read in (lambda path: json.loads(path.read_bytes()), lambda path: [float("nan")], lambda path: 1 / 0):
        monkeypatch.setattr(files, "formats", lambda read=read: [dataclasses.replace(form, read=read)])
        with pytest.raises(AssertionError, match=r"\d faults of files: front\.json, file \d"):
            run_files(5, 0)
