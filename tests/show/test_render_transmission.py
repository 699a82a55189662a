"""Rendering of the transmission world: what text and picture say, that both fit, and that nothing is told too early."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from splitgym.envs.single import SplitEnv
from splitgym.show import board
from splitgym.show.transmission.ansi import text
from splitgym.show.transmission.picture import Picture
from splitgym.show.transmission.story import Score, Story, tell
from splitgym.show.viewer import COLUMNS
from splitgym.traces import TransmissionTrace
from splitgym.worlds.transmission import load_scenario
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, single
from tests.pictures import assert_labels

PRESETS = WORLDS["transmission"].preset_names()
#: Presets, an all-or-nothing cut, a cut with many channels, and short tasks.
SETTINGS = [(p, {}) for p in PRESETS] + [
    ("enachi", {"transmission.cut": "input"}),
    ("enachi", {"transmission.cut": "layer2", "transmission.deadline_min_s": 0.3, "transmission.deadline_max_s": 0.3}),
    ("enachi", {"transmission.deadline_min_s": 0.034, "transmission.deadline_max_s": 0.034}),
]


def act(power_w: float, stop: bool = False) -> dict[str, Any]:
    """An action of the ``dict`` encoding."""
    return {"power_w": np.array([power_w]), "stop": int(stop)}


def transmission(mode: str | None, preset: str = "enachi", seed: int = 3, **changes: Any) -> SplitEnv:
    """The transmission world with exact decisions, freshly reset."""
    env = single("transmission", load_scenario(preset, **changes), "dict", render_mode=mode)
    env.reset(seed=seed)
    return env


def replayed(mode: str, **arrays: Any) -> SplitEnv:
    """Preset enachi with chosen arrays of nature and no fading."""
    env = transmission(mode)
    arrays = {"gain": 1e-12, "fading": np.ones(111), "noise": np.zeros(111), "persistent": 0.0} | arrays
    env.reset(options={"trace": TransmissionTrace.from_arrays("enachi", **arrays)})
    return env


def play(env: SplitEnv, power_w: float, slots: int = 10_000, stop: bool = False) -> dict[str, Any]:
    """Send up to so many slots, then stop if asked to; returns the last info."""
    info: dict[str, Any] = {}
    for _ in range(slots):
        *_, over, _, info = env.step(act(power_w))
        if over:
            return info
    return env.step(act(0.0, stop=True))[-1] if stop else info


def story_of(env: SplitEnv) -> Story:
    """What there is to tell about an environment now."""
    return tell(env.scenario, env.params, env.rows, 0, Score())


# -------------------------------------------------------------------- every setting
@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_text_fits_over_an_episode(preset: str, changes: dict[str, Any]) -> None:
    for seed in range(4):
        env, over, frames = transmission("ansi", preset, seed, **changes), False, []
        frames.append(env.render())
        rng = np.random.default_rng(seed)
        while not over:
            *_, over, _, _ = env.step(act(0.2 * rng.random(), stop=bool(rng.random() < 0.005)))
            frames.append(env.render())
        for frame in frames:
            lines = frame.splitlines()
            assert len(lines) == 10
            assert max(map(len, lines)) <= COLUMNS
            assert "nan" not in frame
        assert "over after" in frames[-1]
        assert not any("over after" in frame for frame in frames[:-1])


@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_labels_are_whole_and_apart(preset: str, changes: dict[str, Any]) -> None:
    env = transmission("rgb_array", preset, **changes)
    picture = Picture(board.image_figure(), story_of(env))
    assert_labels(picture, story_of(env))
    for slots in (1, 4, 30, 10_000):
        play(env, 0.2, slots)
        assert_labels(picture, story_of(env))
        if story_of(env).over:
            break
    for complexity in (0.0005, 0.05, 0.4, 0.8, 0.95):
        for gain in (1e-20, 1e-12, 1e-9):
            env = replayed("rgb_array", complexity=complexity, gain=gain)
            play(env, 0.07, 12, stop=True)
            assert_labels(picture, story_of(env))


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("preset", PRESETS)
def test_drawing_changes_nothing(preset: str, mode: str) -> None:
    watched, unwatched = transmission(mode, preset), transmission(None, preset)
    watched.render()
    for power_w, stop in ((0.1, False), (0.2, False), (0.0, False), (0.05, False), (0.1, True)):
        assert_same(watched.step(act(power_w, stop)), unwatched.step(act(power_w, stop)))
        watched.render()
        for part in ("states", "outcomes", "seen", "keys", "episodes", "steps"):
            assert_same(getattr(watched.rows, part), getattr(unwatched.rows, part), part)
        assert_same(watched.rows.nature.predicted, unwatched.rows.nature.predicted)


def test_nothing_of_an_earlier_frame_remains() -> None:
    used = Picture(board.image_figure(), story_of(transmission("rgb_array")))
    cases = ((0, False, 0.4), (20, False, 0.4), (30, True, 0.1), (0, True, 0.9), (100, False, 0.5))
    for slots, stop, complexity in cases:
        env = replayed("rgb_array", complexity=complexity)
        play(env, 0.15, slots, stop)
        story = story_of(env)
        used.draw(story)
        fresh = Picture(board.image_figure(), story)
        fresh.draw(story)
        np.testing.assert_array_equal(used.board.pixels(), fresh.board.pixels())


def test_every_frame_differs() -> None:
    env = transmission("rgb_array")
    frames = [env.render()]
    for _ in range(10):
        env.step(act(0.1))
        frames.append(env.render())
    env.step(act(0.0, stop=True))
    frames.append(env.render())
    for frame in frames:
        assert frame.dtype == np.uint8
        assert frame.shape == (board.HEIGHT, board.WIDTH, 3)
    assert len({frame.tobytes() for frame in frames}) == 12


# -------------------------------------------------------------------- what is said
def test_text_before_the_first_slot() -> None:
    frame = replayed("ansi", reference_w=0.05).render()
    for words in ("slot 1 of 77", "nothing sent yet", "0% of stem", "1.00 known, stop at 0.20"):
        assert words in frame
    assert "77 slots left, channel -120 dB, +0.0 dB fading" in frame


@pytest.mark.parametrize(
    ("complexity", "gain", "slots", "stop", "words"),
    [
        (0.4, 1e-12, 30, True, ["stopped; ", "right from 16.6% of the features on"]),
        (0.4, 1e-9, 99, False, ["everything delivered; right answer"]),
        (0.95, 1e-9, 99, False, ["everything delivered; wrong answer; never right, whatever arrives"]),
        (0.4, 1e-20, 99, False, ["no slot left; wrong answer; right from 16.6%"]),
        (0.0005, 1e-20, 0, True, ["stopped before the first slot; right answer; right even by guessing"]),
    ],
)
def test_text_tells_how_it_ended(complexity: float, gain: float, slots: int, stop: bool, words: list[str]) -> None:
    env = replayed("ansi", complexity=complexity, gain=gain)
    info = play(env, 0.2, slots, stop)
    for phrase in words:
        assert phrase in env.render()
    assert ("right answer" in env.render()) == info["correct"]


def test_all_or_nothing_is_said() -> None:
    env = transmission("ansi", **{"transmission.cut": "input"})
    assert "not predicted" in env.render()
    play(env, 0.01)
    assert "no answer: incomplete; needs all of the features" in env.render()


def test_nothing_is_told_before_it_is_known() -> None:
    """Tasks that differ only in what the device cannot know yet look alike until the end."""
    futures = [{"complexity": 0.3}, {"complexity": 0.8, "fading": np.r_[np.ones(9), 2.0 * np.ones(102)]}]
    for mode in ("ansi", "rgb_array"):
        frames = []
        for future in futures:
            env = replayed(mode, hint=0.5, noise=np.full(111, -9.0), **future)
            frames.append(env.render())
            if mode == "ansi":
                env.step(act(0.2))  # one channel may be in, but no prediction of it has arrived
                assert len(story_of(env).predictions) == 0
        np.testing.assert_array_equal(*frames)
    env = replayed("ansi", complexity=0.3)
    play(env, 0.2, 20)
    story = story_of(env)
    assert story.turn is None
    assert "right from" not in env.render()
    assert len(story.predictions) == 20 - 1
    env.step(act(0.0, stop=True))
    share = (0.3 - 0.001) / (0.8086 - 0.001)
    assert story_of(env).turn == pytest.approx(-math.log(1.0 - share * (1.0 - math.exp(-4.0))) / 4.0, rel=1e-9)
    assert len(story_of(env).predictions) == 20


def test_gains_are_those_of_info() -> None:
    env = transmission("ansi", "default")
    gains = []
    info: dict[str, Any] = {}
    for _ in range(12):
        *_, info = env.step(act(0.05))
        gains.append(info["slot_gain"])
    story = story_of(env)
    np.testing.assert_allclose(story.gains_db, 10.0 * np.log10([*gains, info["next_slot_gain"]]), rtol=1e-12)
    assert story.slots[:, 2].tolist() == [0.05] * 12
    assert story.slots[-1, 6] == info["power_queue_w"]
    assert story.slots[-1, 5] == info["server_uncertainty"]


def test_text_and_picture_tell_one_story() -> None:
    env = replayed("rgb_array", complexity=0.4)
    play(env, 0.2, 30, stop=True)
    story = story_of(env)
    picture = Picture(board.image_figure(), story)
    picture.draw(story)
    written = " ".join(t.get_text() for axes in picture.board.figure.axes for t in axes.texts)
    for words in (story.verdict, story.reason, story.ending, story.counter):
        assert words in written
        assert words in text(story)
