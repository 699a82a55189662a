"""Rendering of the placement world: what text and picture say, that both fit, and that looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import splitgym.worlds.placement  # noqa: F401 (registers the world)
from splitgym.envs.single import SplitEnv
from splitgym.show import board
from splitgym.show.placement.ansi import text
from splitgym.show.placement.facts import digits, share_words
from splitgym.show.placement.picture import Picture
from splitgym.show.placement.story import ACCEPTED, OPEN, REJECTED, Score, Story, saved_words, tell
from splitgym.show.viewer import COLUMNS
from splitgym.worlds.placement import load_scenario
from splitgym.worlds.placement.system import parts
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, single
from tests.pictures import assert_labels

PRESETS = WORLDS["placement"].preset_names()
COUNT = 3


def placement(mode: str | None, preset: str = "default", **changes: Any) -> SplitEnv:
    """The placement world with few applications, reset with seed 3."""
    env = single("placement", load_scenario(preset, **{"applications.count": COUNT, **changes}), render_mode=mode)
    env.reset(seed=3)
    return env


def nodes_of(env: SplitEnv) -> int:
    """Number of nodes; exit sets and the rejection follow."""
    return len(env.rows.nature.nodes)


def moves(env: SplitEnv, seed: int = 0, rejections: tuple[int, ...] = ()) -> Iterator[list[int]]:
    """Allowed moves, drawn uniformly, until the episode is over; at some steps a rejection instead."""
    rng, step = np.random.default_rng(seed), 0
    while not env.rows.finished[0]:
        allowed = np.flatnonzero(env.action_masks())
        chosen = rng.choice(allowed[:-1]) if len(allowed) > 1 and step not in rejections else allowed[-1]
        step += 1
        yield [int(chosen)]


def story_of(env: SplitEnv, score: Score) -> Story:
    """What there is to tell about an environment now."""
    score.update(env.rows, 0)
    return tell(env.scenario, env.params, env.rows, 0, score)


def place(env: SplitEnv, *path: int) -> dict[str, Any]:
    """Put blocks on nodes; returns the last ``info``."""
    info: dict[str, Any] = {}
    for node in path:
        *_, info = env.step([node])
    return info


def source(env: SplitEnv) -> int:
    """Node at which the present application arises."""
    return int(env.rows.nature.apps[0]["source"][env.rows.states[0]["app"]])


# -------------------------------------------------------------------- every preset
@pytest.mark.parametrize("preset", PRESETS)
def test_text_fits_over_an_episode(preset: str) -> None:
    env = placement("ansi", preset)
    frames = [env.render()]
    for move in moves(env, rejections=(4,)):
        env.step(move)
        frames.append(env.render())
    for frame in frames:
        lines = frame.splitlines()
        assert len(lines) == 12
        assert max(map(len, lines)) <= COLUMNS
        assert not any(word in frame for word in ("nan", "inf", "…"))
    assert f"application 1 of {COUNT} · none closed yet" in frames[0]
    assert "path         m6 (source)" in frames[0] or preset != "default"
    assert f"all {COUNT} applications done" in frames[-1]
    assert frames[-1].endswith("episode over")


@pytest.mark.parametrize("preset", PRESETS)
def test_picture_over_an_episode(preset: str) -> None:
    env = placement("rgb_array", preset)
    frames = [env.render()]
    for move in moves(env, seed=1):
        env.step(move)
        frames.append(env.render())
    for frame in frames:
        assert frame.dtype == np.uint8
        assert frame.shape == (board.HEIGHT, board.WIDTH, 3)
    assert len({frame.tobytes() for frame in frames}) == len(frames)


@pytest.mark.parametrize("preset", PRESETS)
def test_labels_are_whole_and_apart(preset: str) -> None:
    env, score = placement("rgb_array", preset), Score()
    picture = Picture(board.image_figure(), story_of(env, score))
    assert_labels(picture, story_of(env, score))
    for move in moves(env, seed=2, rejections=(5,)):
        env.step(move)
        assert_labels(picture, story_of(env, score))


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("preset", PRESETS)
def test_drawing_changes_nothing(preset: str, mode: str) -> None:
    watched, unwatched = placement(mode, preset), placement(None, preset)
    watched.render()
    for move in moves(unwatched, seed=3):
        assert_same(watched.step(move), unwatched.step(move))
        watched.render()
        for part in ("states", "outcomes", "seen", "keys", "episodes", "steps", "nature"):
            assert_same(getattr(watched.rows, part), getattr(unwatched.rows, part), part)


def test_nothing_of_an_earlier_frame_remains() -> None:
    env, score = placement("rgb_array", "published"), Score()
    used = Picture(board.image_figure(), story_of(env, score))
    for move in moves(env, seed=4, rejections=(3,)):
        env.step(move)
        story = story_of(env, score)
        used.draw(story)
        fresh = Picture(board.image_figure(), story)
        fresh.draw(story)
        np.testing.assert_array_equal(used.board.pixels(), fresh.board.pixels())


# -------------------------------------------------------------------- what the text says
@pytest.mark.parametrize("preset", PRESETS)
def test_text_agrees_with_info(preset: str) -> None:
    env = placement("ansi", preset, **{"applications.count": 8})
    env.render()
    accepted, rejected, saved = 0, 0, 0.0
    for move in moves(env, seed=5, rejections=(3, 9)):
        *_, info = env.step(move)
        frame = env.render()
        accepted, rejected = accepted + info["accepted"], rejected + info["rejected"]
        saved += info["saved"] if info["accepted"] else 0.0
        assert f"{info['live']} application{'' if info['live'] == 1 else 's'} live" in frame
        assert f"\napp {info['app'] + 1} " in frame
        assert ("✓ accepted" in frame) == info["accepted"]
        assert ("✗ rejected" in frame) == info["rejected"]
        if info["accepted"]:
            assert f"exit set {info['exit_config'] + 1} of" in frame
            assert f"accuracy {info['accuracy']:.1%}" in frame
            assert f"{digits(1e3 * info['energy_j'])} mJ (least-latency plan" in frame
            assert f"{digits(1e3 * info['latency_s'])} of {digits(1e3 * info['latency_target_s'])} ms" in frame
            assert saved_words(info["saved"], "the least-latency plan") in frame
        if info["closed"]:
            assert f"(least-latency plan {digits(1e3 * info['reference_j'])}), by block" in frame
        if accepted + rejected > 0:
            assert f"{rejected} of {accepted + rejected} rejected" in frame
        if accepted:
            assert saved_words(saved / accepted, "least-latency plans") in frame


@pytest.mark.parametrize("preset", PRESETS)
def test_figures_are_those_of_the_kernel(preset: str) -> None:
    env, score = placement("ansi", preset), Score()
    story_of(env, score)
    for move in moves(env, seed=6):
        *_, info = env.step(move)
        story, state = story_of(env, score), env.rows.states[0]
        app = story.shown
        if info["closed"]:
            if info["accepted"]:
                np.testing.assert_allclose((app.energy_j, app.latency_s), (info["energy_j"], info["latency_s"]))
                assert app.accuracy == info["accuracy"]
            continue
        assert story.state == OPEN
        config = app.exit_set - 1
        np.testing.assert_allclose(app.energy_j, state["spent_j"][config])
        np.testing.assert_allclose(app.latency_s, state["spent_s"][config])
        assert [block.node for block in app.blocks] == state["path"][: state["placed"]].tolist()


def test_what_is_in_use_is_told() -> None:
    env = placement("ansi", "published")
    assert "█ mobile 0%/0%  ▒ edge 0%/0%  ░ cloud 0%/0%" in env.render()
    for move in moves(env, seed=7):
        env.step(move)
    free, nodes = env.rows.nature.node_free[0], env.rows.nature.nodes
    used = 1.0 - free / nodes["capacity_op_s"]
    assert used.max() > 0.0
    assert f"█ mobile {share_words(float(used[0]))}/" in env.render()


# -------------------------------------------------------------------- why something was rejected
def test_own_choice() -> None:
    env = placement("ansi")
    env.render()
    place(env, source(env))
    env.render()
    possible = int(env.action_masks()[:-1].sum())
    place(env, len(env.action_masks()) - 1)
    frame = env.render()
    assert "✗ rejected: own choice" in frame
    assert f"{possible} moves were possible" in frame
    assert "path         m6 1\n" in frame  # where it was


def test_a_choice_after_frames_left_out() -> None:
    env = placement("ansi")
    place(env, source(env), len(env.action_masks()) - 1)
    assert "own choice or nothing possible: frame before not drawn" in env.render()


def test_an_exit_set_that_was_not_open() -> None:
    env = placement("ansi")
    env.render()
    here, (nodes, _, dnns) = source(env), parts(load_scenario("default"))
    app = env.rows.nature.apps[0, 0]
    net = list(dnns.values())[int(app["dnn"])]
    open_ones = [c for c, e in enumerate(net.exit_configs) if e.accuracy >= app["accuracy"]]
    place(env, here)
    deep = next(c for c in open_ones if net.depth(c) > 1)
    env.render()
    place(env, len(nodes) + deep)
    frame = env.render()
    assert f"✗ rejected: exit set {deep + 1} was not open" in frame
    assert f"it ends at block {net.depth(deep)}, 1 placed" in frame


def test_nothing_possible() -> None:
    env = placement("ansi", "published", **{"applications.rate_min_hz": 1e5, "applications.rate_max_hz": 1e5})
    env.render()
    while (allowed := np.flatnonzero(env.action_masks())).size > 1:
        place(env, int(allowed[0]))
        env.render()
    place(env, int(allowed[-1]))
    assert "✗ rejected: nothing was possible" in env.render()


def test_pinned_block() -> None:
    env = placement("ansi")
    place(env, source(env) + 1)
    frame = env.render()
    assert "✗ rejected: block 1 not possible on m7" in frame
    assert "the first block must stay at the source" in frame
    assert "m6 (source) → m7 1 ✗" in frame


def test_no_link() -> None:
    env = placement("ansi")
    place(env, source(env), source(env) + 1)
    frame = env.render()
    assert "no link from m6 to m7" in frame
    assert "m6 1 → m7 2 ✗" in frame
    assert "by block 12.8 –" in frame


def test_too_late() -> None:
    env = placement("ansi", "published", **{"applications.slack_min": 1.0, "applications.slack_max": 1.0001})
    while True:
        mask = env.action_masks()
        wrong = [v for v in range(nodes_of(env)) if not mask[v] and env.rows.states[0]["placed"] > 0]
        if wrong:
            break
        place(env, int(np.flatnonzero(mask)[0]))
    place(env, wrong[0])
    assert "✗ rejected: block" in env.render()
    assert " ms of " in env.render()


def test_too_deep() -> None:
    env = placement("ansi", "published", **{"applications.slack_min": 50.0, "applications.slack_max": 50.0})
    blocks = 0
    while not (info := place(env, 0))["closed"]:
        blocks += 1
    assert info["rejected"]
    assert f"block {blocks + 1} not possible on d0" in env.render()
    assert "no exit set that is accurate enough is so deep" in env.render()


# -------------------------------------------------------------------- score, story and picture
def test_frames_left_out_are_not_claimed() -> None:
    env, score = placement("ansi"), Score()
    for _ in range(2):
        place(env, len(env.action_masks()) - 1)
    story = story_of(env, score)
    assert (score.counted, score.steps, score.rejected) == (1, 2, 1)
    assert story.tally == "1 of 1 drawn rejected"
    env.reset()
    story = story_of(env, score)
    assert story.tally == "none closed yet"
    assert (score.closed, score.saved, story.rejected_ratio, story.saved_ratio) == (0, 0.0, None, None)


def test_drawing_twice_counts_once() -> None:
    env, score = placement("ansi"), Score()
    story_of(env, score)
    place(env, len(env.action_masks()) - 1)
    first, second = story_of(env, score), story_of(env, score)
    assert (score.rejected, first.verdict, first.detail) == (1, second.verdict, second.detail)


def test_text_and_picture_tell_one_story() -> None:
    env, score, states = placement("rgb_array", "campus"), Score(), set()
    picture = Picture(board.image_figure(), story_of(env, score))
    for move in moves(env, seed=8, rejections=(6,)):
        env.step(move)
        story = story_of(env, score)
        states.add(story.state)
        picture.draw(story)
        written = {t.get_text() for axes in picture.board.figure.axes for t in axes.texts}
        assert {story.verdict, story.detail, story.counter, story.tally} <= written
        assert story.verdict in text(story)
        assert {block.name for block in story.shown.blocks} <= written
    assert states == {OPEN, ACCEPTED, REJECTED}
    assert story.over


@pytest.mark.parametrize(("mobile", "edge", "cloud"), [(1, 0, 0), (1, 0, 3), (60, 60, 30)])
def test_other_networks_of_nodes(mobile: int, edge: int, cloud: int) -> None:
    changes = {"topology.mobile": mobile, "topology.edge": edge, "topology.cloud": cloud, "applications.count": 1}
    env, score = placement("rgb_array", "campus", **changes), Score()
    picture = Picture(board.image_figure(), story_of(env, score))
    for move in moves(env):
        env.step(move)
        assert_labels(picture, story_of(env, score))
        assert max(map(len, text(story_of(env, score)).splitlines())) <= COLUMNS


def test_digits() -> None:
    assert [digits(x) for x in (0.0, 1234.5, 12.345, 0.012345)] == ["0", "1234", "12.3", "0.0123"]
    assert [share_words(x) for x in (0.0, 2e-4, 0.005, 0.25)] == ["0%", "<0.1%", "0.5%", "25%"]
