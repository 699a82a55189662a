"""Rendering: every mode of every world through ``gym.make``; what the pictures say; that looking changes nothing."""

from __future__ import annotations

import sys
import types
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from gymnasium.wrappers.vector import RecordVideo

from splitgym.envs.single import SplitEnv
from splitgym.extras import need
from splitgym.show import board
from splitgym.show.inference.picture import Picture
from splitgym.show.inference.story import Score, Story, tell
from splitgym.show.palette import BLUE, ORANGE, PURPLE, YELLOW
from splitgym.show.viewer import FRAME_S
from splitgym.worlds.world import WORLDS
from tests.helpers import CASES, assert_same, native, rollout, run_python, sampled, short, single
from tests.pictures import assert_labels

INPUT, STEM, LAYER2, LOCAL = 0, 1, 3, 6  # cuts of the shipped network
SLOW, FAST = 0, 3  # clocks of the preset "default"


def decide(cut: int, edge_cut: int = LOCAL, clock_hz: int = FAST, power_w: float = 0.1) -> dict[str, Any]:
    """An action of the ``dict`` encoding: level indices, and the power in W."""
    return {"cut": cut, "edge_cut": edge_cut, "clock_hz": clock_hz, "power_w": np.array([power_w])}


def inference(mode: str | None, preset: str = "default", **changes: Any) -> SplitEnv:
    """The inference world with exact decisions, reset with seed 3."""
    env = single("inference", short("inference", preset, **changes), "dict", render_mode=mode)
    env.reset(seed=3)
    return env


def story_of(env: SplitEnv, score: Score | None = None) -> Story:
    """What there is to tell about an environment now."""
    score = score or Score()
    score.update(env.rows, 0)
    return tell(env.scenario, env.params, env.rows, 0, score)


# -------------------------------------------------------------------- every world, every mode
@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("world", list(WORLDS))
def test_every_world_draws_through_make(world: str, mode: str) -> None:
    env = gym.make(WORLDS[world].env_id, render_mode=mode)
    env.reset(seed=0)
    env.action_space.seed(0)
    frames: list[Any] = [env.render()]
    over = False
    for _ in range(3):
        if over:
            env.reset()
        over = any(env.step(env.action_space.sample())[2:4])
        frames.append(env.render())
    for before, after in pairwise(frames):
        if mode == "ansi":
            assert isinstance(after, str)
            assert before != after
        else:
            assert after.dtype == np.uint8
            assert after.shape == frames[0].shape == (board.HEIGHT, board.WIDTH, 3)
            assert (before != after).any()
    assert_same(env.render(), frames[-1])  # looking twice shows the same
    env.close()


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("world", list(WORLDS))
def test_vector_draws_every_row(world: str, mode: str) -> None:
    """Each frame is that of a single environment with the row's seed, its running score included."""
    scenario = short(world, "default")
    envs = native(3, world, scenario, render_mode=mode)
    ones = [single(world, scenario, render_mode=mode) for _ in range(3)]
    envs.reset(seed=5)
    for i, one in enumerate(ones):
        one.reset(seed=5 + i)
    over = [False] * 3
    for actions in sampled(envs.action_space, 3, 1):
        envs.step(actions)
        for i, one in enumerate(ones):
            if over[i]:  # as a vector environment does at the step after an end
                one.reset()
                over[i] = False
            else:
                over[i] = any(one.step(actions[i])[2:4])
        frames = envs.render()
        assert isinstance(frames, tuple)
        assert len(frames) == 3
        for frame, one in zip(frames, ones, strict=True):
            assert_same(frame, one.render())
    envs.close()


@pytest.mark.parametrize("world", list(WORLDS))
def test_gymnasium_records_a_video_of_a_batch(world: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """moviepy, which only writes the file, stands aside: what it would be given is looked at."""
    clips: list[list[np.ndarray]] = []

    class Clip:
        def __init__(self, frames: list[np.ndarray], fps: float) -> None:
            assert fps == SplitEnv.metadata["render_fps"]
            clips.append(frames)

        def write_videofile(self, path: str, logger: Any) -> None:
            assert Path(path).parent == tmp_path / "videos"

    for name in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    writer: Any = types.ModuleType("moviepy.video.io.ImageSequenceClip")
    writer.ImageSequenceClip = Clip
    monkeypatch.setitem(sys.modules, writer.__name__, writer)
    envs = native(4, world, short(world, "default"), render_mode="rgb_array")
    recorded = RecordVideo(envs, str(tmp_path / "videos"), step_trigger=lambda step: step == 0, video_length=2)
    recorded.reset(seed=0)
    for actions in sampled(envs.action_space, 4, 1):
        recorded.step(actions)
    recorded.close()
    assert [frame.shape for frame in clips[0]] == [(2 * board.HEIGHT, 2 * board.WIDTH, 3)] * len(clips[0])


@pytest.mark.parametrize(("world", "preset"), CASES)
def test_rendering_changes_nothing(world: str, preset: str) -> None:
    scenario = short(world, preset)
    watched, unwatched = single(world, scenario, render_mode="rgb_array"), single(world, scenario)
    actions = sampled(unwatched.action_space, 25, 2)  # past the end of an episode
    seen: list[tuple] = [watched.reset(seed=1)]
    for i, action in enumerate(actions):
        if i % 4 == 0:
            assert watched.render().any()
        seen.append(watched.step(action))
        if seen[-1][2] or seen[-1][3]:
            seen.append(watched.reset())
    assert_same(seen, rollout(unwatched, actions, seed=1))


def test_no_matplotlib_without_pictures() -> None:
    code = """
import sys
import gymnasium as gym
import splitgym
for kwargs in ({}, {"render_mode": "ansi"}, {"render_mode": "rgb_array"}):
    env = gym.make("SplitInference-v0", **kwargs)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    if kwargs.get("render_mode") == "ansi":
        env.render()
assert "matplotlib" not in sys.modules
env.render()
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules, "an image needs no backend"
"""
    run_python(code)


def test_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    env = inference("rgb_array")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(DependencyNotInstalled, match=r"pip install .splitgym\[report\]"):
        env.render()
    env.step(decide(STEM))  # unharmed


# -------------------------------------------------------------------- windows
@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Matplotlib backend whose windows only count how often they are shown."""
    matplotlib, bases = need("matplotlib", "report"), need("matplotlib.backend_bases", "report")
    agg = need("matplotlib.backends.backend_agg", "report")
    module: Any = types.ModuleType("counting_backend")
    module.shown, module.pauses = 0, []

    class Manager(bases.FigureManagerBase):
        def show(self) -> None:
            module.shown += 1

    class Canvas(agg.FigureCanvasAgg):
        manager_class = Manager

        def start_event_loop(self, timeout: float = 0.0) -> None:
            module.pauses.append(timeout)

    module.FigureCanvas, module.FigureManager = Canvas, Manager
    monkeypatch.setitem(sys.modules, "counting_backend", module)
    matplotlib.use("module://counting_backend")
    yield module
    matplotlib.use("agg")


@pytest.mark.parametrize("world", list(WORLDS))
def test_window_is_shown_by_reset_and_step(world: str, backend: Any) -> None:
    env = gym.make(WORLDS[world].env_id, render_mode="human")
    env.reset(seed=0)
    env.action_space.seed(0)
    env.step(env.action_space.sample())
    assert backend.shown == 2
    assert backend.pauses == [1.0 / env.metadata["render_fps"]] * 2
    pyplot = need("matplotlib.pyplot", "report")
    pyplot.close("all")  # somebody closes the window: the run goes on
    env.reset()
    env.step(env.action_space.sample())
    assert backend.shown == 2
    env.close()
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("world", list(WORLDS))
def test_window_of_a_batch_shows_one_row(world: str, backend: Any) -> None:
    envs = gym.make_vec(WORLDS[world].env_id, 3, render_mode="human")
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    assert backend.shown == 2
    assert envs.render() == (None,) * 3
    assert len(need("matplotlib.pyplot", "report").get_fignums()) == 1
    envs.close()
    assert need("matplotlib.pyplot", "report").get_fignums() == []


def test_frames_of_a_window_last_as_declared() -> None:
    assert 1.0 / SplitEnv.metadata["render_fps"] == FRAME_S


def test_no_screen_says_what_to_do() -> None:
    need("matplotlib", "report").use("agg")
    env = single("inference", "default", render_mode="human")
    with pytest.raises(RuntimeError, match='render_mode="rgb_array"'):
        env.reset(seed=0)
    assert need("matplotlib.pyplot", "report").get_fignums() == []
    env.close()


# -------------------------------------------------------------------- what the text says
def test_text_before_the_first_task_is_complete() -> None:
    frame = inference("ansi").render()
    assert "task 1 of 23 · no task served yet" in frame
    assert "last      none yet" in frame
    assert "debt 0.00 task budgets" in frame


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (decide(STEM, power_w=0.05), ["cut stem, rest on the edge, 2 GHz, 50 mW", "╭─ DEVICE 2 GHz", "slots"]),
        (decide(STEM, LAYER2), ["cut stem, edge to layer2, rest in the cloud, 2 GHz, 100 mW", "─ backhaul"]),
        (decide(STEM, STEM), ["cut stem, rest in the cloud, 2 GHz, 100 mW", "░ cloud"]),
        (decide(LOCAL, clock_hz=SLOW), ["all on the device, 0.8 GHz", "nothing sent"]),
        (decide(INPUT, power_w=0.002), ["cut input, rest on the edge, 2 GHz, 2 mW", "upload incomplete"]),
        (decide(STEM, power_w=0.0), ["2 GHz, 0 mW", "wrong answer: nothing was sent"]),
    ],
)
def test_text_names_decision_and_places(action: dict[str, Any], words: list[str]) -> None:
    env = inference("ansi", early_exits=False)
    env.step(action)
    frame = env.render()
    for word in words:
        assert word in frame
    schematic = "".join(frame.splitlines()[1:5])
    for block in ("stem", "layer1", "layer2", "layer3", "layer4", "head"):
        assert schematic.count(block) == 1


def test_text_tells_correct_from_wrong() -> None:
    env, seen = inference("ansi"), set()
    for _ in range(20):
        *_, info = env.step(decide(STEM))
        assert ("✓ correct" in env.render()) == info["correct"]
        seen.add(info["correct"])
    assert seen == {True, False}


def test_early_exit_is_marked() -> None:
    env, seen = inference("ansi"), set()
    for _ in range(20):
        *_, info = env.step(decide(LOCAL))
        frame = env.render()
        assert ("◆exit" in frame) == (info["exit"] >= 0)
        if info["exit"] == 0:
            assert "layer2◆exit ·layer3 ·layer4 ·head" in frame
        if info["exit"] >= 0 and info["correct"]:
            assert "correct, early exit on the device" in frame
        seen.add(info["exit"])
    assert {-1, 0} < seen


def test_device_that_is_too_slow_leaves_blocks_undone() -> None:
    env = inference("ansi", **{"tasks.deadline_min_s": 0.3, "tasks.deadline_max_s": 0.3, "early_exits": False})
    env.step(decide(LOCAL, clock_hz=SLOW))
    frame = env.render()
    assert "no answer: device too slow" in frame
    assert "stem layer1 layer2 ·layer3 ·layer4 ·head" in frame


def test_empty_battery_is_told() -> None:
    env = inference("ansi", **{"device.battery_j": 1e-3})
    _, _, terminated, _, _ = env.step(decide(LOCAL))
    assert terminated
    frame = env.render()
    assert "over after task 1" in frame
    assert "✗ battery empty" in frame
    assert "battery 0%" in frame


def test_backlog_and_missed_tasks_show() -> None:
    env, waited, missed = inference("ansi", "bursty"), 0, 0
    for _ in range(23):
        *_, truncated, info = env.step(decide(LOCAL, clock_hz=SLOW))
        backlog = round(float(story_of(env).view.backlog))
        frame = env.render()
        if truncated:
            assert "all 23 tasks done" in frame
            break
        assert (f"backlog {'●' * backlog} {backlog}" if backlog else "backlog none") in frame
        assert f"{info['missed_total']} missed" in frame
        waited, missed = max(waited, backlog), info["missed_total"]
    assert waited > 1
    assert missed > 1


@pytest.mark.parametrize("preset", WORLDS["inference"].preset_names())
def test_text_keeps_its_shape(preset: str) -> None:
    env = single("inference", short("inference", preset), render_mode="ansi")
    env.reset(seed=0)
    heights = {len(env.render().splitlines())}
    for action in sampled(env.action_space, 15, 0):
        env.step(action)
        lines = env.render().splitlines()
        heights.add(len(lines))
        assert max(len(line) for line in lines) <= 115
        assert len({len(line) for line in lines[1:2] + lines[4:5]}) == 1  # boxes are closed below their tops
    assert heights == {15}


# -------------------------------------------------------------------- the running score
def test_score_counts_each_drawn_task_once() -> None:
    env, score = inference("rgb_array"), Score()
    assert story_of(env, score).accuracy is None
    correct = 0
    for _ in range(8):
        *_, info = env.step(decide(STEM))
        correct += info["correct"]
        for _ in range(2):
            story = story_of(env, score)
    assert (score.counted, score.correct) == (8, correct)
    assert story.tally == f"{correct} of {8 + info['missed_total']} correct, {info['missed_total']} missed"
    assert story.accuracy == correct / (8 + info["missed_total"])
    env.step(decide(STEM))
    env.step(decide(STEM))  # one task passes unseen: only drawn tasks are claimed
    assert "of 9 drawn tasks correct" in story_of(env, score).tally
    env.reset()
    story = story_of(env, score)
    assert (score.counted, score.correct, list(score.marks), story.tally) == (0, 0, [], "no task served yet")


def test_score_begins_anew_with_an_episode_it_did_not_see_begin() -> None:
    env, score = inference("rgb_array"), Score()
    for _ in range(3):
        env.step(decide(LOCAL))
        story_of(env, score)
    env.reset(seed=9)
    for _ in range(5):
        env.step(decide(LOCAL))
    story_of(env, score)
    assert score.counted == 1


# -------------------------------------------------------------------- what the picture shows
@pytest.mark.parametrize("preset", WORLDS["inference"].preset_names())
def test_labels_are_whole_and_apart(preset: str) -> None:
    env, score = single("inference", short("inference", preset), render_mode="rgb_array"), Score()
    env.reset(seed=0)
    picture = Picture(board.image_figure(), story_of(env, score))
    for action in sampled(env.action_space, 8, 4):
        env.step(action)
        assert_labels(picture, story_of(env, score))


def test_nothing_of_an_earlier_frame_remains() -> None:
    env, score = inference("rgb_array"), Score()
    used = Picture(board.image_figure(), story_of(env, score))
    actions = [decide(STEM), decide(LOCAL), decide(STEM, LAYER2), decide(INPUT, power_w=0.002), decide(STEM, STEM)]
    for action in actions:
        env.step(action)
        story = story_of(env, score)
        used.draw(story)
        fresh = Picture(board.image_figure(), story)
        fresh.draw(story)
        np.testing.assert_array_equal(used.board.pixels(), fresh.board.pixels())


def test_colours_of_the_stages_appear() -> None:
    env = inference("rgb_array", early_exits=False)

    def painted(colour: str) -> bool:
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        return int((env.render()[180:360] == rgb).all(-1).sum()) > 150  # the band of the timeline

    env.step(decide(STEM, LAYER2))
    assert all(painted(c) for c in (BLUE, ORANGE, PURPLE, YELLOW))
    env.step(decide(LOCAL))
    assert painted(BLUE)
    assert not painted(ORANGE)
