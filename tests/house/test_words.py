"""The house rule of English: messages, help and docstrings hold no stilted phrase and the right article."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

import splitgym
from splitgym.cli import parser
from splitgym.envs.single import SplitEnv
from splitgym.quoting import an
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS
from tests.helpers import ROOT, short

#: What reads as a translation; a plain word or another order of words does the same.
STILTED = re.compile(
    r"\b(is|are|was|were|be) told\b(?! apart)|\btold (as|in|for|with)\b|\bwhat is no\b|"
    r"\bof which [^.;]{0,60}\b(those|these)\b",
    re.I,
)
ARTICLE = re.compile(r"(?<![\w'`{-])(an?) (?=([A-Za-z][\w]*))")
#: Stands for code, and for what is filled in.
CODE = "X"


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of messages and docstrings; what is filled in stands as ``{}``."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (said := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), said
        call = node.exc if isinstance(node, ast.Raise) else node
        if isinstance(call, ast.Call) and (
            isinstance(node, ast.Raise) or _name(call) in ("warn", "say", "print", "fail")
        ):
            for part in ast.walk(call):
                if isinstance(part, ast.JoinedStr):
                    parts = [str(p.value) if isinstance(p, ast.Constant) else "{}" for p in part.values]
                    yield part.lineno, "".join(parts)
                elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def said() -> Iterator[tuple[str, str]]:
    """Where and what the package says: the sources' messages and docstrings, and every page of help."""
    for folder in ("splitgym", "baselines", "agents"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if not any(part.is_symlink() for part in (file, *file.parents)):
                for line, text in texts(ast.parse(file.read_text(encoding="utf-8"))):
                    yield f"{file.relative_to(ROOT)}:{line}", text
    commands = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    yield "splitgym --help", parser().format_help()
    yield from ((f"splitgym {name} --help", sub.format_help()) for name, sub in commands.choices.items())


def faults(text: str) -> list[str]:
    """Stilted phrases, and articles that do not fit the word behind them."""
    plain = re.sub(r"``.*?``|`[^`]*`|\"[^\"]*\"", CODE, " ".join(text.split()))
    wrong = [f"{found[1]} {found[2]}" for found in ARTICLE.finditer(plain)
             if found[2] != CODE and not an(found[2]).startswith(f"{found[1]} ")]  # fmt: skip
    return [found[0] for found in STILTED.finditer(plain)] + wrong


def test_what_the_package_says_keeps_the_house_rule() -> None:
    everything = list(said())
    assert len(everything) > 2000
    wrong = [f"{where}: {fault}" for where, text in everything for fault in faults(text)]
    assert not wrong, "\n".join(wrong)


def test_articles_of_what_is_filled_in_come_from_the_helper() -> None:
    """``f"a {kind}"`` is wrong for every kind that begins with a vowel."""
    wrong = [f"{where}: {text}" for where, text in said() if re.search(r"(?<![\w{])an? \{\}", text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it is told with its name", ["is told"]),
        ("what is no seed", ["what is no"]),
        ("files, of which some are those of others", ["of which some are those"]),
        ("must be a InferenceTrace", ["a InferenceTrace"]),
        ("an user of a RL agent", ["an user", "a RL"]),
        ("a user of an RL agent, an hour, a unit; `a error`, a one-line text, an SB3 model, a NaN", []),
    ],
)
def test_the_rule_finds_faults_and_nothing_else(text: str, found: list[str]) -> None:
    assert faults(text) == found


# ------------------------------------------------------------------ known ones
def pages() -> dict[str, argparse.ArgumentParser]:
    return dict(next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)).choices)


@pytest.mark.parametrize("command", pages())
def test_help_says_a_default_only_where_there_is_one(command: str) -> None:
    text = " ".join(pages()[command].format_help().split())
    assert not re.search(r"default: (None|False|\[\]|\))", text)
    for action in pages()[command]._actions:
        shown = action.help and "default: " not in action.help and action.option_strings
        if shown and action.default not in (None, False, [], argparse.SUPPRESS):
            assert f"(default: {action.default})" in text
    assert "(default: 0)" in text or not any(a.dest == "seed" and a.default == 0 for a in pages()[command]._actions)


@pytest.mark.parametrize("command", pages())
def test_prose_of_the_help_fits_the_terminal(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples stay as they are written, on lines with an indent."""
    for width in (60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = pages()[command].format_help().splitlines()
        assert [line for line in lines if len(line) > width and not line.startswith("  ")] == []


def test_a_description_keeps_its_capitals() -> None:
    assert "Train an RL agent, or resume a training." in pages()["train"].format_help()
    for page in pages().values():
        assert str(page.description)[0].isupper()
        assert "rl agent" not in page.format_help()


def test_capitalize_lowers_no_abbreviation() -> None:
    """``str.capitalize`` lowers the rest: "RL agent" would be "Rl agent"."""
    for folder in ("splitgym", "baselines", "agents"):
        for file in (ROOT / folder).rglob("*.py"):
            assert ".capitalize()" not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize("world", WORLDS)
def test_a_trace_of_another_kind_is_named_with_its_article(world: str) -> None:
    env = SplitEnv(world, short(world, "default"))
    with pytest.raises(ValueError, match=f"must be {an(WORLDS[world].trace_type.__name__)}, got int"):
        env.reset(options={"trace": 3})


@pytest.mark.parametrize("model", [name for name in FADING if FADING[name].ranges])
def test_a_parameters_limits_stand_in_its_own_unit(model: str) -> None:
    """What is derived from a parameter is never shown for it: value and limits are those that were typed."""
    for name, limits in FADING[model].ranges.items():
        key = f"fading.parameters.{name}"
        with pytest.raises(ValueError, match=re.escape(f"{key} must be a finite number {limits.words}, got -3")):
            splitgym.load_scenario("default", **{"fading.model": model, key: -3.0})


def test_a_text_for_a_number_is_answered_with_limits_and_unit() -> None:
    with pytest.raises(ValueError, match=r"radio\.distance_m must be a number >= 0\.1 and <= 1e\+07 m, got 'far'"):
        splitgym.load_scenario("default", **{"radio.distance_m": "far"})


@pytest.mark.parametrize(
    ("name", "parameter", "hint"),
    [("enachi", "etta", "did you mean 'eta'?"), ("random", "sed", "did you mean 'seed'?"), ("static", "x", "(has: ")],
)
def test_an_unknown_parameter_of_a_policy_names_the_nearest(name: str, parameter: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"policy {name!r} has no parameter {parameter!r}")) as caught:
        splitgym.make_policy(name, SplitEnv(), **{parameter: 1})
    assert hint in str(caught.value)


def test_a_policy_of_another_environment_says_so() -> None:
    here, there = SplitEnv(), SplitEnv("hardware")
    with pytest.raises(ValueError, match="policy 'tracking' plays ProgressiveTransmission-v0, not SplitInference-v0"):
        splitgym.make_policy("tracking", here)
    policy = splitgym.make_policy("enachi", here)
    with pytest.raises(ValueError, match="policy 'enachi' was made for SplitInference-v0, scenario 'default'"):
        policy.predict(there.reset(seed=0)[0])


def test_a_world_without_a_picture_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    env = SplitEnv(render_mode="ansi")
    env.reset(seed=0)
    rows: Any = env.rows
    rows.world = dataclasses.replace(rows.world, figure="")
    with pytest.raises(ValueError, match="SplitInference-v0 has no picture"):
        env.render()
