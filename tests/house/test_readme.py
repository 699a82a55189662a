"""The README's Python is run as it stands, and its observation table is the environment's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import splitgym
from splitgym.cli import parser
from splitgym.envs.single import SplitEnv
from splitgym.policy import POLICIES, load_baselines
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS
from tests.helpers import ci_script

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def registries(tmp_path, monkeypatch):
    """Leave no file and no registration behind."""
    monkeypatch.chdir(tmp_path)
    load_baselines()  # or they would be what the blocks have registered
    before = set(POLICIES._table), set(FADING._table)
    yield
    for registry, names in zip((POLICIES, FADING), before, strict=True):
        for name in set(registry._table) - names:
            del registry._table[name]


def test_every_block_runs(registries, capsys) -> None:
    rng = np.random.default_rng(0)
    n = 20
    shared = {
        "splitgym": splitgym,
        "G": np.full(n, 1e-12),
        "h": rng.exponential(size=(n, 111)),
        "u": rng.random(n),
        "e0": rng.standard_normal(n),
        "e": rng.standard_normal((n, 111)),
    }
    for block in BLOCKS:
        if "load_scenario" in block and "len(G)" in block:
            scenario = splitgym.load_scenario("enachi", **{"tasks.count": n})
            shared["env"] = SplitEnv("inference", scenario)
        if "model" in block:
            shared["model"] = object()
        exec(compile(block, "README.md", "exec"), shared)
    assert "answered in time" in capsys.readouterr().out
    assert shared["scenario"].fading.model == "nakagami"
    assert 0.0 < shared["d"]["power_w"][0] <= 0.2
    policy = splitgym.make_policy("slowest-clock", SplitEnv())
    assert policy.predict(SplitEnv().reset(seed=0)[0])[0].tolist()[0] == 6


@pytest.mark.parametrize("world", WORLDS)
def test_observation_tables_are_the_environments(world) -> None:
    table = SplitEnv(world).describe().split("\n\n")[0]
    assert table in README


@pytest.mark.parametrize("world", WORLDS)
def test_every_preset_and_policy_is_told(world) -> None:
    for name in (*WORLDS[world].preset_names(), *splitgym.policy_names(WORLDS[world].env_id)):
        assert f"`{name}`" in README


# ------------------------------------------------------------------ what commands print, and make results runs again
@pytest.fixture(scope="module")
def remaker():
    """The script behind ``make results``."""
    return ci_script("results")


def test_every_table_and_picture_has_its_command(remaker) -> None:
    pieces = remaker.pieces(README)
    commands = "\n".join(command for piece in pieces for command in remaker.commands(piece))
    for picture in re.findall(r"!\[[^\]]*\]\((.*?)\)", README):
        assert picture in commands
        assert (ROOT / picture).is_file()
    assert README.count("━━┓") == sum(piece[0].count("━━┓") for piece in pieces)  # no table outside of a piece
    for piece in pieces:
        made = piece["region"] if piece["end"] else piece["block"]
        if made is not None:
            assert len(made.splitlines()) > len(remaker.commands(piece)), f"no output yet: {remaker.commands(piece)}"


def test_commands_are_the_command_lines(remaker) -> None:
    """Every splitgym command of the README parses."""
    shown = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
    made = [command for piece in remaker.pieces(README) for command in remaker.commands(piece)]
    text = "\n".join([*shown, *made]).replace("\\\n", " ")
    lines = [part.strip() for line in text.splitlines() for part in line.partition("#")[0].split("&&")]
    checked = [shlex.split(line)[1:] for line in lines if line.startswith("splitgym ")]
    assert len(checked) > 40
    for arguments in checked:
        parser().parse_args(arguments)


def test_figures_told_in_words_are_in_the_table_above(remaker) -> None:
    """Decimals in the paragraphs behind a table stand in that table or the next: no figure is typed and left to age."""
    pieces = [p for p in remaker.pieces(README) if p["block"] or p["end"]]
    for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
        text = README[piece.end() : after.start() if after else len(README)]
        text = re.split(r"^#|^```|^\||^[^\n]*:\n", text, maxsplit=1, flags=re.MULTILINE)[0]
        numbers = {n.lstrip("+-") for n in re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.]*\w)", text)}
        told = set(re.findall(r"\d+\.\d+", piece[0] + (after[0] if after else "")))
        rounded = {f"{float(n):.1f}" for n in told} | {f"{float(n):.2f}" for n in told}
        assert numbers <= told | rounded, (remaker.commands(piece), numbers - told)


def test_remaking_replaces_output_and_nothing_else(remaker) -> None:
    text = "a\n\n```\n$ one\nold\n$ two\n```\nb\n<!-- $ three -->\nold\n<!-- end -->\n<!-- $ four -->\n![x](y)\n"
    for place in range(3):
        piece = remaker.pieces(text)[place]
        text = text[: piece.start()] + remaker.remade(piece, lambda c: f"{c} output\n") + text[piece.end() :]
    assert text == (
        "a\n\n```\n$ one\none output\n$ two\ntwo output\n```\nb\n"
        "<!-- $ three -->\nthree output\n<!-- end -->\n<!-- $ four -->\n![x](y)\n"
    )
