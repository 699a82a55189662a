"""Rendering of the hardware world: what text and picture say, that both fit, and that looking changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from splitgym.envs.single import SplitEnv
from splitgym.show import board
from splitgym.show.hardware.ansi import text
from splitgym.show.hardware.picture import Picture
from splitgym.show.hardware.plane import LogScale
from splitgym.show.hardware.story import EDGE, SERVER, Score, Story, joules, tell
from splitgym.show.viewer import COLUMNS
from splitgym.show.words import milliseconds
from splitgym.worlds.hardware import hardware_names, load_scenario
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, sampled, single
from tests.pictures import assert_labels

PRESETS = WORLDS["hardware"].preset_names()
COUNT = 12
FASTEST, OFF, STD, MAX = 6, 0, 1, 2  # clock level and accelerator modes
#: Every preset, and every network in the default setting.
SETTINGS = [(p, {}) for p in PRESETS] + [("default", {"hardware": n}) for n in hardware_names()]


def decide(split: int, accelerator: int = OFF, gpu: int = 1, clock_hz: int = FASTEST) -> dict[str, int]:
    """An action of the ``dict`` encoding: level indices."""
    return {"clock_hz": clock_hz, "accelerator": accelerator, "split": split, "gpu": gpu}


def hardware(mode: str | None, preset: str = "default", **changes: Any) -> SplitEnv:
    """The hardware world with exact decisions, reset with seed 3."""
    scenario = load_scenario(preset, **{"requests.count": COUNT, **changes})
    env = single("hardware", scenario, "dict", render_mode=mode)
    env.reset(seed=3)
    return env


def story_of(env: SplitEnv, score: Score) -> Story:
    """What there is to tell about an environment now."""
    score.update(env.rows, 0)
    return tell(env.scenario, env.params, env.rows, 0, score)


# -------------------------------------------------------------------- every setting
@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_text_fits_over_an_episode(preset: str, changes: dict[str, Any]) -> None:
    env = hardware("ansi", preset, **changes)
    frames = [env.render()]
    for action in sampled(env.action_space, COUNT, 0):
        env.step(action)
        frames.append(env.render())
    for frame in frames:
        lines = frame.splitlines()
        assert len(lines) == 12
        assert max(map(len, lines)) <= COLUMNS
        assert "nan" not in frame
    assert f"all {COUNT} requests done" in frames[-1]


@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_picture_over_an_episode(preset: str, changes: dict[str, Any]) -> None:
    env = hardware("rgb_array", preset, **changes)
    frames = [env.render()]
    for action in sampled(env.action_space, COUNT, 1):
        env.step(action)
        frames.append(env.render())
    for frame in frames:
        assert frame.dtype == np.uint8
        assert frame.shape == (board.HEIGHT, board.WIDTH, 3)
    assert len({frame.tobytes() for frame in frames}) == COUNT + 1


@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_labels_are_whole_and_apart(preset: str, changes: dict[str, Any]) -> None:
    env, score = hardware("rgb_array", preset, **changes), Score()
    picture = Picture(board.image_figure(), story_of(env, score))
    assert_labels(picture, story_of(env, score))
    for action in sampled(env.action_space, COUNT, 4):
        env.step(action)
        assert_labels(picture, story_of(env, score))


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("preset", PRESETS)
def test_drawing_changes_nothing(preset: str, mode: str) -> None:
    watched, unwatched = hardware(mode, preset), hardware(None, preset)
    watched.render()
    for action in sampled(unwatched.action_space, COUNT, 2):
        assert_same(watched.step(action), unwatched.step(action))
        watched.render()
        for part in ("states", "outcomes", "seen", "keys", "episodes", "steps"):
            assert_same(getattr(watched.rows, part), getattr(unwatched.rows, part), part)
        assert_same(watched.rows.nature.requests, unwatched.rows.nature.requests)


def test_nothing_of_an_earlier_frame_remains() -> None:
    env, score = hardware("rgb_array", "noisy"), Score()
    used = Picture(board.image_figure(), story_of(env, score))
    for action in (decide(0), decide(22, MAX, 0), decide(18, STD), decide(10, OFF, 0)):
        env.step(action)
        story = story_of(env, score)
        used.draw(story)
        fresh = Picture(board.image_figure(), story)
        fresh.draw(story)
        np.testing.assert_array_equal(used.board.pixels(), fresh.board.pixels())


# -------------------------------------------------------------------- what the text says
@pytest.mark.parametrize("preset", PRESETS)
def test_text_agrees_with_info(preset: str) -> None:
    env = hardware("ansi", preset)
    late, switches, saved_j = 0, 0, 0.0
    for served, action in enumerate(sampled(env.action_space, COUNT, 5), 1):
        *_, info = env.step(action)
        frame = env.render()
        late, switches, saved_j = late + (not info["on_time"]), switches + info["switched"], saved_j + info["saved_j"]
        assert f"{milliseconds(info['latency_s'])} of {milliseconds(info['threshold_s'])}" in frame
        assert f"{joules(info['energy_j'])} charged" in frame
        assert f"{EDGE} {joules(info['energy_edge_j'])}, {SERVER} {joules(info['energy_cloud_j'])}" in frame
        assert f"reward       {env.rows.outcomes['reward'][0]:+.3f}" in frame
        assert ("✓ met" in frame) == info["on_time"]
        assert (f"late by {milliseconds(info['cost_s'])}" in frame) == (not info["on_time"])
        assert ("reconfigured" in frame) == info["switched"]
        assert ("stalled" in frame) == info["stalled"]
        assert f"{late} of {served} late" in frame
        assert f"{switches} switch" in frame
        share = saved_j / (served * float(env.params.reference_j))
        assert f"{abs(share):.0%} {'less' if share >= 0 else 'more'} energy" in frame or abs(share) < 0.01


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (decide(0), ["1.8 GHz, accelerator off, split layer 0 input, server GPU", "0 on the edge device"]),
        (decide(0, MAX, 0), ["1.8 GHz, accelerator off, split layer 0 input, server CPU", "22 on the server"]),
        (decide(22, MAX), ["accelerator max, split layer 22 predictions, server not used", "22 on the edge device"]),
        (
            decide(10, STD, 0, 0),
            ["0.6 GHz, accelerator std, split layer 10 block3_pool, server CPU", "12 on the server"],
        ),
    ],
)
def test_text_names_the_configuration_in_force(action: dict[str, int], words: list[str]) -> None:
    env = hardware("ansi")
    env.step(action)
    for word in words:
        assert word in env.render()


def test_text_before_the_first_request() -> None:
    frame = hardware("ansi").render()
    assert "request 1 of 12 · no request served yet" in frame
    assert "none yet; in force: 1.8 GHz, accelerator off" in frame
    assert "backlog" not in frame
    assert "backlog none" in hardware("ansi", "queueing").render()


def test_waiting_and_reconfiguration_are_told() -> None:
    env = hardware("ansi", "queueing")
    *_, info = env.step(decide(22, OFF, 0, 0))  # five seconds
    assert "reconfigured in 120 ms" in env.render()
    assert "▚ reconfigure 120  █ edge device" in env.render()
    assert info["latency_wait_s"] == 0.0
    assert "has waited" in env.render()
    *_, info = env.step(decide(0))
    assert f"wait {1e3 * info['latency_wait_s']:.0f}  ▚ reconfigure 120" in env.render()


def test_extrapolated_networks_are_called_so() -> None:
    for name in hardware_names():
        env = hardware("ansi", hardware=name)
        assert ("extrapolated" in env.render()) == (env.scenario.hardware.status == "extrapolated")


def test_weight_of_the_server_is_told() -> None:
    env = hardware("ansi", **{"reward.infrastructure_weight": 0.5})
    env.step(decide(0))
    assert "of which 0.5 is charged" in env.render()


# -------------------------------------------------------------------- score, story and plane
def test_frames_left_out_are_not_claimed() -> None:
    env, score = hardware("ansi"), Score()
    for _ in range(3):
        env.step(decide(0))
    story = story_of(env, score)
    assert (score.counted, score.steps) == (1, 3)
    assert "of 1 drawn late" in story.tally
    env.reset()
    assert story_of(env, score).tally == "no request served yet"
    assert (score.counted, score.late, score.switches, score.saved_j) == (0, 0, 0, 0.0)


def test_story_knows_all_valid_configurations() -> None:
    env = hardware("rgb_array")
    *_, info = env.step(decide(18, MAX))
    story = story_of(env, Score())
    table, values = story.configurations()
    assert len(table) == 917  # DynaSplit specification, section 1
    assert np.isfinite(values).all()
    assert story.last is not None
    decision = story.last.configuration.decision
    assert tuple(decision) == table.dtype.names
    (row,) = np.flatnonzero(np.all([table[name] == value for name, value in decision.items()], axis=0))
    np.testing.assert_allclose(values[row], [info["latency_s"], info["energy_j"]])  # no noise, no queue


def test_every_configuration_can_be_marked() -> None:
    env, score = hardware("rgb_array", "vit"), Score()
    picture = Picture(board.image_figure(), story_of(env, score))
    for split in (0, 1, 19):
        for mode in (OFF, STD, MAX):
            for gpu in (0, 1):
                env.reset(seed=0)
                env.step(decide(split, mode, gpu))
                picture.draw(story_of(env, score))  # resolved to a valid one, which is in the plane


def test_log_scale() -> None:
    scale = LogScale(0.1, 10.0, 0.0, 100.0)
    assert scale.at(1.0) == pytest.approx(50.0)
    assert scale.at(1e9) == pytest.approx(100.0)  # sticks to the end
    assert scale.at(1e-9) == 0.0
    np.testing.assert_allclose(scale.ticks(), [0.1, 0.2, 0.5, 1, 2, 5, 10])
    np.testing.assert_allclose(LogScale(0.01, 100.0, 0.0, 1.0).ticks(), [0.01, 0.1, 1, 10, 100])


def test_text_and_picture_tell_one_story() -> None:
    env, score = hardware("rgb_array", "switching"), Score()
    env.step(decide(22, MAX))
    story = story_of(env, score)
    assert story.last is not None
    picture = Picture(board.image_figure(), story)
    picture.draw(story)
    written = {t.get_text() for axes in picture.board.figure.axes for t in axes.texts}
    assert story.last.verdict in written
    assert story.last.verdict in text(story)
    assert {"1.8 GHz, accelerator max", "not used", "split layer 22 · predictions"} <= written
