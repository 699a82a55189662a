"""No name from a file becomes a path, a formula, a command or a terminal's order unchecked."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import os
import typing
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import splitgym
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.baselines.search import SEARCHES
from splitgym.cli import common, main, warnings_in_a_line
from splitgym.encodings import ENCODINGS
from splitgym.evaluation import Results, evaluate, evaluate_suite, stability, sweep
from splitgym.evaluation.output import rows_to_csv
from splitgym.evaluation.store_file import Table
from splitgym.names import LONGEST, cell, check_label, check_name, check_text, uncell
from splitgym.placement.instance import Instance
from splitgym.placement.published import load_published, published_names
from splitgym.policy import POLICIES, load_baselines
from splitgym.profiles import load_profile, profile_names
from splitgym.strict import Strict
from splitgym.suites import Suite, load_suite, suite_names
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.hardware import hardware_names, load_hardware
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, short

REGISTRIES: list[Any] = [POLICIES, ARRIVALS, FADING, ENCODINGS, WORLDS, ALGORITHMS, SEARCHES]
#: Name -> a word of the message.
BAD = {
    "../../../evil": "'/'",
    "/etc/passwd": "'/'",
    "a\\b": "it holds",
    "..": "begins with '.'",
    ".hidden": "begins with '.'",
    "-rf": "begins with '-'",
    "=cmd|' /C calc'!A0": "it holds",
    "=1+1": "begins with '='",
    "+1": "begins with",
    "@SUM(A1)": "begins with '@'",
    "＝1+1": "begins with",
    "~root": "begins with '~'",
    "a:b": "':'",
    "C:": "':'",
    "a\0b": "U\\+0000",
    "a\nb": "U\\+000A",
    "a\r": "spaces at an end",
    "\tb": "spaces at an end",
    "a\tb": "U\\+0009",
    "a\x1b[31mb": "U\\+001B",
    "a\x7fb": "U\\+007F",
    "a\x9b31mb": "U\\+009B",
    "abc\u202egnp.exe": "U\\+202E",
    "a\u2066b": "U\\+2066",
    "a\u200eb": "U\\+200E",
    "a\u200bb": "U\\+200B",
    "a\u2028b": "U\\+2028",
    "a\u00a0b": "U\\+00A0",
    "a\ufeffb": "U\\+FEFF",
    "a\ud800b": "U\\+D800",
    "": "empty",
    " ": "empty",
    " a": "spaces",
    "a ": "spaces",
    "a.": "ends with",
    "NUL": "Windows",
    "con": "Windows",
    "Com1.toml": "Windows",
    "lpt9": "Windows",
    'a"b': "'\"'",
    "a<b>": "'<'",
    "a|b": r"'\|'",
    "a*": r"'\*'",
    "what?": r"'\?'",
    "$(reboot)": r"'\$'",
    "`reboot`": "'`'",
    "x" * (LONGEST + 1): "longer than 100 bytes",
    "ä" * 51: "longer than 100 bytes",
}
GOOD = [
    "default",
    "tight-deadline",
    "b_lenet",
    "ResNet-50 v1.5",
    "50 %",
    "naïve",
    "中文",
    "x" * LONGEST,
    "console",
    "a=b",
]


def shipped() -> list[str]:
    load_baselines()
    names = [scenario.name for w, p in CASES for scenario in [WORLDS[w].load_scenario(p)]]
    names += [load_profile(n).name for n in profile_names()] + [load_hardware(n).name for n in hardware_names()]
    names += [load_suite(n).name for n in suite_names()] + [load_published(n).name for n in published_names()]
    return names + [name for registry in REGISTRIES for name in registry]


# ------------------------------------------------------------------ the rule
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match=BAD[name]) as refused:
        check_name("scenario.name", name)
    said = str(refused.value)
    assert said.startswith("scenario.name cannot be a name: ")
    assert said.isprintable()
    assert len(said) < 250


@pytest.mark.parametrize("thing", [None, 3, b"x", Path("x"), ["x"], True])
def test_a_name_is_a_text(thing):
    with pytest.raises(ValueError, match="it is not a text"):
        check_name("x", thing)


def test_shipped_names_are_names():
    names = shipped() + GOOD
    assert len(names) > 80
    assert [check_name("x", name) for name in names] == names


@given(st.text(max_size=120))
def test_a_name_is_one_part_of_a_path(name):
    try:
        check_name("x", name)
    except ValueError:
        return
    place = Path("/runs") / f"{name}"
    assert place.parent == Path("/runs")
    assert place.name == name
    assert next(csv.reader([name])) == [name] or "," in name
    assert cell(name) == name


# ------------------------------------------------------------------ where names are made
def subclasses(cls: type) -> list[Any]:
    return [cls, *(below for sub in cls.__subclasses__() for below in subclasses(sub))]


def named_fields() -> dict[str, tuple[type, dataclasses.Field]]:
    """'Class.name' -> field, of every strict class of the package that has a ``name``."""
    found = {}
    for cls in subclasses(Strict):
        fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) and cls.__module__[:9] == "splitgym." else ()
        found |= {f"{cls.__name__}.{f.name}": (cls, f) for f in fields if f.name == "name"}
    return found


def test_every_name_in_a_file_is_checked():
    """A class with a ``name`` says whether it may become a path (a name), or is only shown (a label)."""
    checks = {key: field.metadata.get("check") for key, (_, field) in named_fields().items()}
    labels = {key for key, check in checks.items() if check is check_label}
    assert labels == {"Block.name", "Case.name"}
    assert {key for key, check in checks.items() if check not in (check_name, check_label)} == set()
    assert len(checks) >= 11


def strings(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all texts in nested tables and lists."""
    if isinstance(table, str):
        return [path]
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    return [place for key, value in items for place in strings(value, (*path, key))]


def changed(table: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(table) if isinstance(table, dict) else list(table)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


TABLES: dict[str, tuple[Any, dict[str, Any]]] = {
    **{world: (WORLDS[world].load_scenario, WORLDS[world].load_scenario("default").to_dict()) for world in WORLDS},
    "suite": (lambda table: Suite(**table), load_suite("robustness").to_dict()),
}


@pytest.mark.parametrize("name", TABLES)
def test_no_text_of_any_file_holds_what_a_terminal_obeys(name):
    """Names, descriptions, sources, models: every text of every preset."""
    load, table = TABLES[name]
    paths = strings(table)
    assert len(paths) > 2
    for i, path in enumerate(paths):
        bad = ("\x1b]0;x\x07", "\x00", "\x9b2J", "\u202e")[i % 4]
        with pytest.raises(ValueError, match=r"U\+|unknown|must be|no such file") as refused:
            load(changed(table, path, f"x{bad}y"))
        assert bad not in str(refused.value)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("bad", ["../../../evil", "a:b", "=1", "a\nb", "", "x" * 200, "abc\u202ed"])
def test_a_scenarios_name_is_checked_by_every_way_in(world, bad):
    load = WORLDS[world].load_scenario
    scenario = load("default")
    for make in (
        lambda: load("default", name=bad),
        lambda: scenario.replace(name=bad),
        lambda: load({"base": "default", "name": bad}),
        lambda: dataclasses.replace(scenario, name=bad),
    ):
        with pytest.raises(ValueError, match="name cannot be a name: "):
            make()


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.kind)
@pytest.mark.parametrize("bad", BAD)
def test_no_registry_takes_what_is_no_name(registry, bad):
    before = list(registry)
    with pytest.raises(ValueError, match=f"the name of the {registry.kind} cannot be a name"):
        registry.add(bad, object())
    assert list(registry) == before


@pytest.mark.parametrize("bad", ["a:b", "a\nb", "../x", "=x"])
def test_plug_ins_and_policies_have_names(bad):
    for register in (splitgym.fading, splitgym.arrivals, lambda name: splitgym.register_policy(name=name)):
        with pytest.raises(ValueError, match="cannot be"):
            register(bad)(lambda env: None)


def test_instances_and_nodes(tmp_path):
    from splitgym.placement.generate import random_instance

    table = Strict.to_dict(random_instance(4))
    for path, bad in ((("name",), "../x"), (("nodes", 0, "id"), "a\nb"), (("apps", 0, "id"), "\x1b[2J")):
        with pytest.raises(ValueError, match=r"cannot be a name|one line|U\+001B"):
            Instance(**typing.cast(Any, changed(table, path, bad)))


# ------------------------------------------------------------------ training
def test_a_training_writes_only_where_it_may(tmp_path, monkeypatch, capsys):
    """The reported one: a scenario's name led out of ``runs/``, and ``--overwrite`` deleted there."""
    monkeypatch.chdir(tmp_path)
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    victim = tmp_path / "evil-s0"
    (victim / "checkpoints").mkdir(parents=True)
    (victim / "checkpoints" / "mine").write_text("mine")
    Path("x.toml").write_text('base = "default"\nname = "x/../../../../evil"\n')
    for words in ([], ["--overwrite"]):
        assert main(["train", "--scenario", "x.toml", "--steps", "1", "--quiet", *words]) == 2
        assert "name cannot be a name: it holds '/'" in capsys.readouterr().err
        assert main(["train", "--set", "name=x/../../../../evil", "--steps", "1", "--quiet", *words]) == 2
        assert "name cannot be a name: it holds '/'" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["mine", "x.toml"]
    assert not (inside / "runs").exists()


# ------------------------------------------------------------------ tables
HOSTILE = ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3+cmd", "@SUM(A1:A9)", "＝1+1", "'=1", "''x", "'", "'-3"]


class Named:
    """A policy whose name is hostile, as a trained agent's folder may be."""

    action = "multidiscrete"

    def __init__(self, name: str) -> None:
        self.name, self.identity = name, "one"

    def predict(self, observation: Any, state: Any = None, **_: Any) -> Any:
        n_axes = 4
        return np.zeros((len(observation), n_axes), np.int64), state


def cells(text: str) -> list[str]:
    return [c for line in csv.reader(io.StringIO(text)) for c in line]


def is_formula(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return value[:1] in tuple("=+-@＝＋－＠\t\r\n") and value != ""
    return False


SCENARIO = short("inference", "default")
WRITTEN = {
    "results": lambda policies: evaluate(policies, scenario=SCENARIO, episodes=2).to_csv(),
    "sweep": lambda policies: sweep(policies, scenario=SCENARIO, over={"tasks.hint_std": [0.0]}, episodes=2).to_csv(),
    "stability": lambda policies: stability(policies, tasks=2000).to_csv(),
    "suite": lambda policies: evaluate_suite(policies, _suite()).to_csv(),
}


def _suite() -> Suite:
    suite, few = load_suite("presets"), {"first": 0, "episodes": 1}
    case = dataclasses.replace(suite.test[0], name="=1", shift="+3 dB")
    return suite.replace(test=(case,), seeds={"validation": few, "test": {**few, "first": 1}})


@pytest.mark.parametrize("writer", WRITTEN)
def test_no_cell_is_a_formula(writer):
    found = cells(WRITTEN[writer]([Named(name) for name in HOSTILE[:5]]))
    assert not any(map(is_formula, found))
    assert {cell(name) for name in HOSTILE[:5]} <= set(found)


def test_a_store_gives_back_every_name(tmp_path):
    from splitgym.evaluation.store import Store

    policies = [Named(name) for name in HOSTILE]
    first = evaluate(policies, scenario=SCENARIO, episodes=2, store=tmp_path)
    for path in tmp_path.rglob("*.csv"):
        assert not any(map(is_formula, cells(path.read_text())))
    [again] = Store(tmp_path).results()
    assert again.policies == HOSTILE
    np.testing.assert_array_equal(again.figure("'-3", "return"), first.figure("'-3", "return"))
    played = evaluate(policies, scenario=SCENARIO, episodes=2, store=tmp_path)
    np.testing.assert_array_equal(played.figure("=1+1", "decision_s"), first.figure("=1+1", "decision_s"))


@given(st.text())
@example("'")
@example("'=")
@example("=")
@example("-1")
@example("'-1")
def test_cells_are_read_back(text):
    assert uncell(cell(text)) == text
    assert not is_formula(cell(text))


@pytest.mark.parametrize("key", HOSTILE)
def test_tables_are_read_back(tmp_path, key):
    table = Table(tmp_path / "t.csv", ["policy"], ["value"])
    table.add([((key,), {"value": -1.5})])
    assert Table(tmp_path / "t.csv", ["policy"], ["value"]).rows() == {(key,): {"value": -1.5}}


def test_numbers_stay_numbers():
    text = rows_to_csv([{"policy": "x", "return": -1.5, "seed": 3, "word": "-3"}])
    assert text == "policy,return,seed,word\nx,-1.5,3,-3\n"


def test_a_store_follows_no_link(tmp_path):
    """A lock empties its file, and a table is appended to: neither may be somebody else's."""
    precious = tmp_path / "precious"
    precious.write_text("content")
    for name in (".t.csv.lock", "t.csv"):
        (tmp_path / name).symlink_to(precious)
        with pytest.raises(ValueError, match=r"a link; a store follows none|other columns|checksum"):
            Table(tmp_path / "t.csv", ["seed"], ["value"]).add([(("0",), {"value": 1.0})])
        assert precious.read_text() == "content"
        (tmp_path / name).unlink()
    (tmp_path / "t.csv").symlink_to(tmp_path / "not-there")
    with pytest.raises(ValueError, match="a link"):
        Table(tmp_path / "t.csv", ["seed"], ["value"]).add([(("0",), {"value": 1.0})])
    assert not (tmp_path / "not-there").exists()


def test_a_lock_empties_no_other_file(tmp_path):
    """A hard link is another name of the same file."""
    precious = tmp_path / "precious"
    precious.write_text("content")
    os.link(precious, tmp_path / ".t.csv.lock")
    with pytest.raises(ValueError, match="is also another file"):
        Table(tmp_path / "t.csv", ["seed"], ["value"]).add([(("0",), {"value": 1.0})])
    assert precious.read_text() == "content"


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.damaged"])
def test_a_repair_writes_into_no_other_file(name, link, tmp_path):
    """What is set aside is a stranger's text: behind a link it would become a line of anything."""
    Table(tmp_path / "t.csv", ["seed"], ["value"]).add([(("0",), {"value": 1.0})])
    content = (tmp_path / "t.csv").read_bytes() + b"command\n"
    (tmp_path / "t.csv").write_bytes(content)
    precious = tmp_path / "precious"
    precious.write_bytes(content)
    (tmp_path / name).unlink(missing_ok=True)
    link(precious, tmp_path / name)
    with pytest.raises(ValueError, match=r"is a link|is also another file"):
        Table(tmp_path / "t.csv", ["seed"], ["value"]).repair()
    assert precious.read_bytes() == (tmp_path / "t.csv").read_bytes() == content


@pytest.mark.parametrize("name", ["settings", "settings/files", "files"])
def test_folders_of_a_store_are_no_links(name, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "store" / name).parent.mkdir(parents=True)
    (tmp_path / "store" / name).symlink_to(elsewhere)
    with pytest.raises(ValueError, match="is a link; a store follows none"):
        evaluate("device", episodes=1, store=tmp_path / "store")
    assert not list(elsewhere.iterdir())


# ------------------------------------------------------------------ terminals and pages
MARKUP = ["[red]x[/red]", "x[/]", "[link=http://x]y", ":smile:", "[bold", "a\\"]


def test_brackets_are_no_markup(capsys, monkeypatch):
    results = Results(WORLDS["inference"], SCENARIO)
    for name in MARKUP:
        results.add(name, range(3), {m.name: np.arange(3.0) for m in results.measures})
    common.print_table(results.table())
    monkeypatch.setattr(common, "watched", lambda: True)
    with common.progress_bar(False, len(MARKUP)) as show:
        assert show
        for name in MARKUP:
            show(name, 0.5)
    said = capsys.readouterr().out
    assert all(name in said for name in MARKUP)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "a\u202eb", "", "x" * 2000])
def test_a_policys_name_is_one_line_that_can_be_shown(name):
    with pytest.raises(ValueError, match="the name of a policy"):
        evaluate([Named(name)], scenario=SCENARIO, episodes=1)


MATHEMATICS = ["$x^{$", r"a$\frac$b", "$", "$a_b$ and $c"]


def test_dollars_are_no_mathematics(tmp_path):
    """Unfinished mathematics would end the drawing, and with it the evaluation."""
    results = Results(WORLDS["inference"], SCENARIO)
    for name in MATHEMATICS:
        results.add(name, range(3), {m.name: np.arange(3.0) for m in results.measures})
    results.plot(tmp_path / "x.png")
    run = stability([Named(name) for name in MATHEMATICS], tasks=2000)
    run.plot(tmp_path / "y.png")
    swept = sweep(
        [Named(name) for name in MATHEMATICS], scenario=SCENARIO, over={"tasks.hint_std": [0.0, 1.0]}, episodes=2
    )
    swept.plot(tmp_path / "z.svg")
    suite = dataclasses.replace(_suite(), test=(dataclasses.replace(_suite().test[0], name="$x^{$"),))
    evaluate_suite([Named(name) for name in MATHEMATICS], suite).plot(tmp_path / "s.svg")
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())


def test_markdown_holds_no_html():
    suite = load_suite("presets")
    case = dataclasses.replace(suite.test[0], name="<script>x</script>|")
    few = {"first": 0, "episodes": 1}
    suite = suite.replace(test=(case,), seeds={"validation": few, "test": {**few, "first": 1}})
    text = evaluate_suite([Named("<img src=x>")], suite).to_markdown()
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script>x&lt;/script>\\|" in text


def test_texts_may_have_lines_and_letters_of_all_tongues():
    for text in ("two\nlines\tand a tab", "naïve 中文 עברית 😀", "=1"):
        assert check_text("x", text) == text


@pytest.mark.parametrize("words", [["store", "{}"], ["evaluate", "random", "--{}"], ["evaluate", "{}"], ["{}"]])
@pytest.mark.parametrize("mark", ["\x1b[31m", "\x9b", "\u202e", "\x7f"])
def test_messages_command_no_terminal(words, mark, capsys, tmp_path, monkeypatch):
    """The names of an unpacked folder come from whoever packed it."""
    monkeypatch.chdir(tmp_path)
    with contextlib.suppress(SystemExit):
        assert main([word.replace("{}", f"a{mark}b") for word in words]) == 2
    said = "".join(capsys.readouterr())
    assert said
    assert mark not in said
    assert repr(mark)[1:-1] in said


def test_titles_command_no_terminal(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate("device", episodes=1, store="s\x1b[31mt")
    assert main(["store", "s\x1b[31mt"]) == 0
    assert r"s\x1b[31mt: what every policy has played" in capsys.readouterr().out


OUT = "s\x1b[31mt"
PLACE = ["place", "--random", "3", "--apps", "1"]


@pytest.mark.parametrize(
    "words",
    [
        ["report", OUT, "--figures", "png"],
        [*PLACE, "--out", f"{OUT}/p", "--save", f"{OUT}/i.toml"],
        ["render", "device", "--out", f"{OUT}/r.png"],
        ["train", "--steps", "64", "--n-envs", "2", "--hyper", "n_steps=32", "--out", f"{OUT}/run", "--quiet"],
    ],
)
def test_words_of_success_command_no_terminal(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if words[0] == "report":
        evaluate("device", scenario=short("inference", "default"), episodes=1, store=OUT)
    assert main(words) == 0
    said = "".join(capsys.readouterr())
    assert "\x1b[31mt" not in said
    assert r"s\x1b[31mt" in said


def test_warnings_command_no_terminal(capsys, tmp_path, monkeypatch):
    """Notes of what was passed over, and of values hardly in their unit, name files."""
    monkeypatch.chdir(tmp_path)
    common.say("a\x1b[31mb", aside=True)
    with warnings_in_a_line():
        said = warnings.formatwarning("c\x1b[31md", UserWarning, "file.py", 1)
    assert said == "splitgym: warning: c\\x1b[31md\n"
    assert "\x1b" not in capsys.readouterr().err


def test_a_file_whose_ending_is_a_name_of_its_own(tmp_path):
    """It is kept under a name that its ending is a part of."""
    (tmp_path / f"a.{'x' * 240}").write_text("arrival_s\n1.0\n")
    changes = {"arrivals.model": "recorded", "arrivals.parameters.file": str(tmp_path / f"a.{'x' * 240}")}
    with pytest.raises(ValueError, match="ending of more than 100 bytes, so it cannot be kept; rename it"):
        evaluate("device", episodes=1, changes=changes, store=tmp_path / "store")


def test_what_a_command_names_itself_is_no_link(tmp_path, monkeypatch, capsys):
    """In an unpacked folder ``results`` may lead anywhere: a demo throws a run away, a search writes a data base."""
    monkeypatch.chdir(tmp_path)
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "results" / "demo").mkdir(parents=True)
    (tmp_path / "results" / "demo" / "ppo").symlink_to(precious)
    (tmp_path / "x.sqlite").symlink_to(precious / "places.sqlite")
    assert main(["demo"]) == 2
    assert "ppo is a link; a demo follows none" in capsys.readouterr().err
    assert main(["optimize", "--search", "nsga3", "--out", "x"]) == 2
    assert "x.sqlite is a link; a search follows none" in capsys.readouterr().err
    assert not list(precious.iterdir())
