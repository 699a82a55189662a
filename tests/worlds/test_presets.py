"""Presets: one that rests on another, in its own world and across worlds."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from splitgym.worlds.multiuser.scenario import load_scenario as load_users
from splitgym.worlds.presets import presets_of
from splitgym.worlds.world import WORLDS


def leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def nested(pairs: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for path, value in pairs.items():
        place = table
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return table


@pytest.mark.parametrize(("world", "other"), list(itertools.permutations(WORLDS, 2)))
def test_a_base_of_another_world_gives_what_both_have(world: str, other: str) -> None:
    """Every key that both worlds have comes from the base, every other one is one's own or a default."""
    mine, base = (dict(leaves(WORLDS[w].load_scenario("default").to_dict())) for w in (world, other))
    common = {path for path in mine.keys() & base.keys() if path[0] not in ("name", "description")}
    own = nested({path: value for path, value in mine.items() if path not in common})
    if world in ("inference", "multiuser", "transmission") and other in ("inference", "multiuser", "transmission"):
        assert len(common) > 50
    made = WORLDS[world].load_scenario({"base": f"{other}/default", **own})
    assert dict(leaves(made.to_dict())) == {path: (base if path in common else mine)[path] for path in mine}


def test_a_file_may_rest_on_another_world(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    own = "[users]\ncount = 2\n[frames]\ncount = 3\nlength_s = 0.3\ndeadline_min_s = 0.1\ndeadline_max_s = 0.2\n"
    path.write_text(f'base = "inference/bursty"\nname = "mine"\n{own}hint_std = 0.1\n', encoding="utf-8")
    mine, bursty = load_users(path), WORLDS["inference"].load_scenario("bursty")
    assert (mine.device, mine.fading, mine.early_stop, mine.budget) == (
        (bursty.device, bursty.fading, bursty.early_stop, bursty.budget)
    )
    assert (mine.description, mine.edge.workers, mine.users.count) == ("", 0, 2)
    for missing in ("name", "hint_std"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith(missing)]
        (tmp_path / "less.toml").write_text("\n".join(lines), encoding="utf-8")
        with pytest.raises(ValueError, match=rf"less\.toml.*missing key '(frames\.)?{missing}'"):
            load_users(tmp_path / "less.toml")


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("enahci", "did you mean 'enachi'? (known: congested, default, enachi; or world/preset, such as "),
        (
            "inference/enahci",
            "did you mean 'inference/enachi'? (of inference: bursty, commute, default, digits, enachi, ",
        ),
        ("inferense/enachi", "did you mean 'inference/enachi'? (worlds: hardware, inference, multiuser, "),
        ("inference/", "(of inference: "),
        ("/enachi", "(worlds: "),
        ("a/inference/enachi", "(worlds: "),
        ("../inference/enachi", "(worlds: "),
        (["inference/enachi"], "(known: "),
    ],
    ids=repr,
)
def test_an_unknown_base_names_the_known_ones(base: Any, words: str) -> None:
    with pytest.raises(ValueError, match="base must name a preset, got ") as caught:
        load_users({"base": base})
    assert words in str(caught.value)


def test_ones_own_world_may_be_named() -> None:
    assert load_users({"base": "multiuser/default"}) == load_users("default")


def test_presets_that_rest_on_each_other_are_refused(monkeypatch) -> None:
    for world, below in (("multiuser", "inference/enachi"), ("inference", "multiuser/enachi")):
        monkeypatch.setattr(presets_of(world)._catalogue, "table", lambda name, below=below: {"base": below})
    words = "base: presets rest on each other: inference/enachi on multiuser/enachi on inference/enachi"
    with pytest.raises(ValueError, match=words):
        load_users("enachi")


@pytest.mark.parametrize("world", WORLDS)
def test_the_functions_of_a_world_are_the_same_in_another_process(world: str) -> None:
    for function in (WORLDS[world].load_scenario, WORLDS[world].preset_names):
        assert pickle.loads(pickle.dumps(function)) == function
        assert function.__doc__
