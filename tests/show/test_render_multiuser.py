"""Rendering of the multi-user world: what text and picture say, that both fit, and that looking changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from splitgym.envs.parallel import SplitParallelEnv
from splitgym.envs.single import SplitEnv
from splitgym.show import board
from splitgym.show.multiuser.ansi import MOST_LINES, text
from splitgym.show.multiuser.facts import CORRECT, FATE, IDLE, LATE, STAGES, WRONG, Served
from splitgym.show.multiuser.picture import Picture
from splitgym.show.multiuser.story import Score, Story, fit, tell
from splitgym.show.palette import BLUE, GREY, ORANGE, PURPLE
from splitgym.show.viewer import COLUMNS
from splitgym.show.words import percent
from splitgym.units import ratio_to_db
from splitgym.worlds.multiuser import load_scenario
from splitgym.worlds.world import WORLDS
from tests.helpers import assert_same, sampled, single
from tests.pictures import assert_labels

PRESETS = WORLDS["multiuser"].preset_names()
COUNT = 6
STEM, LOCAL = 1, 6  # cuts of the shipped network
SIZES = [1, 2, 5, 10, 20, 24, 50, 120]
#: Settings that go to the limits of what is drawn.
SETTINGS = [
    *((preset, {"users.count": n}) for preset in PRESETS for n in SIZES),
    ("default", {"users.count": 7, "frames.presence": 0.0}),
    ("default", {"users.count": 10, "frames.presence": 0.15}),
    ("congested", {"users.count": 30, "frames.presence": 0.03}),
    ("congested", {"users.count": 20, "edge.workers": 1, "early_exits": True}),
    ("enachi", {"users.count": 4, "budget.energy_j": 1e-7}),
]


def multiuser(mode: str | None, preset: str = "default", **changes: Any) -> SplitEnv:
    """The multi-user world with exact decisions, reset with seed 3."""
    scenario = load_scenario(preset, **{"frames.count": COUNT, **changes})
    env = single("multiuser", scenario, "dict", render_mode=mode)
    env.reset(seed=3)
    return env


def decide(env: SplitEnv, cut: int | list[int], power_w: float = 0.05, weight: Any = 1.0) -> dict[str, Any]:
    """One decision for all devices at full clock; cuts and weights may be given one by one."""
    n = env.scenario.users.count
    return {
        "cut": np.full(n, cut),
        "clock_hz": np.full(n, len(env.scenario.device.clocks_hz) - 1),
        "power_w": np.full(n, power_w),
        "share": np.full(n, weight, np.float64),
    }


def story_of(env: Any, score: Score | None = None) -> Story:
    """What there is to tell about an environment now."""
    score = score or Score()
    score.update(env.rows, 0)
    return tell(env.scenario, env.params, env.rows, 0, score)


def served_of(story: Story) -> list[tuple[int, Served]]:
    """Number and last frame of the devices that had a task."""
    return [(d.number, d.served) for d in story.devices if d.served is not None]


def written(picture: Picture) -> set[str]:
    """All text of a picture."""
    return {t.get_text() for axes in picture.board.figure.axes for t in axes.texts}


# -------------------------------------------------------------------- every setting
@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_text_fits_and_keeps_its_shape(preset: str, changes: dict[str, Any]) -> None:
    env = multiuser("ansi", preset, **changes)
    frames = [env.render()]
    for action in sampled(env.action_space, COUNT, 0):
        env.step(action)
        frames.append(env.render())
    for frame in frames:
        lines = frame.splitlines()
        assert len(lines) == len(frames[0].splitlines())
        assert len(lines) <= 16 + MOST_LINES
        assert max(map(len, lines)) <= COLUMNS
        assert not any(word in frame for word in ("nan", "inf"))
        rows = lines[4 : 4 + min(env.scenario.users.count, MOST_LINES)]
        assert len({row.rindex(" ") for row in rows if not row.endswith("–")}) <= 2  # numbers end in one column
    assert f"all {COUNT} frames done" in frames[-1]
    assert frames[-1].endswith("episode over")


@pytest.mark.parametrize(("preset", "changes"), SETTINGS)
def test_labels_are_whole_and_apart(preset: str, changes: dict[str, Any]) -> None:
    env, score = multiuser("rgb_array", preset, **changes), Score()
    picture = Picture(board.image_figure(), story_of(env, score))
    assert_labels(picture, story_of(env, score))
    for action in sampled(env.action_space, 3, 4):
        env.step(action)
        assert_labels(picture, story_of(env, score))
    for action in (decide(env, LOCAL), decide(env, STEM, weight=0.0), decide(env, STEM, power_w=0.0)):
        env.step(action)
        assert_labels(picture, story_of(env, score))


@pytest.mark.parametrize("changes", [{"frames.count": 10_000_000}, {"budget.energy_j": 1e-9}, {"edge.workers": 9}])
def test_labels_of_odd_settings(changes: dict[str, Any]) -> None:
    changes = {"frames.count": COUNT, **changes} if "frames.count" not in changes else {"frames.count": 100_000}
    env, score = multiuser("rgb_array", "congested", **{"users.count": 15, **changes}), Score()
    picture = Picture(board.image_figure(), story_of(env, score))
    for action in sampled(env.action_space, 4, 5):
        env.step(action)
        assert_labels(picture, story_of(env, score))
        assert max(map(len, text(story_of(env, score)).splitlines())) <= COLUMNS


@pytest.mark.parametrize("users", [3, 30])
@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("preset", PRESETS)
def test_drawing_changes_nothing(preset: str, mode: str, users: int) -> None:
    changes = {"users.count": users}
    watched, unwatched = multiuser(mode, preset, **changes), multiuser(None, preset, **changes)
    watched.render()
    for action in sampled(unwatched.action_space, COUNT, 2):
        assert_same(watched.step(action), unwatched.step(action))
        watched.render()
        for part in ("states", "outcomes", "seen", "keys", "episodes", "steps"):
            assert_same(getattr(watched.rows, part), getattr(unwatched.rows, part), part)
        for part in ("devices", "results", "tasks", "present"):
            assert_same(getattr(watched.rows.nature, part), getattr(unwatched.rows.nature, part), part)


@pytest.mark.parametrize("users", [5, 40])
def test_nothing_of_an_earlier_frame_remains(users: int) -> None:
    env, score = multiuser("rgb_array", "congested", **{"users.count": users}), Score()
    used = Picture(board.image_figure(), story_of(env, score))
    mixed = [STEM, LOCAL] * (users // 2) + [STEM] * (users % 2)
    for action in (decide(env, STEM), decide(env, LOCAL), decide(env, mixed), decide(env, STEM, weight=0.0)):
        env.step(action)
        story = story_of(env, score)
        used.draw(story)
        fresh = Picture(board.image_figure(), story)
        fresh.draw(story)
        np.testing.assert_array_equal(used.board.pixels(), fresh.board.pixels())
    env.reset(seed=4)
    story = story_of(env, score)
    used.draw(story)
    fresh = Picture(board.image_figure(), story)
    fresh.draw(story)
    np.testing.assert_array_equal(used.board.pixels(), fresh.board.pixels())


# -------------------------------------------------------------------- figures of the kernel
@pytest.mark.parametrize("preset", PRESETS)
def test_figures_are_those_of_the_kernel(preset: str) -> None:
    env = multiuser("ansi", preset, **{"users.count": 12, "frames.count": 20})
    for action in sampled(env.action_space, 20, 6):
        *_, info = env.step(action)
        story = story_of(env)
        present = np.flatnonzero(info["device_present"])
        assert [n for n, _ in served_of(story)] == present.tolist()
        for n, served in served_of(story):
            assert served.power_w == info["device_power_w"][n]
            assert served.clock_hz == info["device_clock_hz"][n]
            assert served.share == info["device_share"][n]
            assert served.feature_ratio == info["device_feature_ratio"][n]
            assert env.scenario.dnn.cut_names[info["device_cut"][n]] == served.cut
            assert len(served.slots) == info["device_slots_used"][n]
            total_s = sum(time_s for _, time_s in served.stages)
            np.testing.assert_allclose(total_s, info["device_latency_s"][n], rtol=1e-12)
            if served.fate != LATE or served.reason == "computing":
                assert total_s <= served.deadline_s * (1.0 + 1e-9)
            if served.sent:
                np.testing.assert_allclose(served.slots[-1, 3], served.feature_ratio)
                assert served.slots[0, 0] * story.slot_s >= served.uplink_s[0] - 1e-12
                np.testing.assert_allclose((served.slots[-1, 0] + 1) * story.slot_s, served.uplink_s[1])
        counted = [info["correct"], info["on_time"] - info["correct"], info["tasks"] - info["on_time"]]
        assert [story.fates[fate] for fate in (CORRECT, WRONG, LATE)] == counted
        assert story.fates[IDLE] == 12 - info["tasks"]
        assert story.reward == env.rows.outcomes["reward"][0]
        sent = info["device_slots_used"] > 0
        np.testing.assert_allclose(story.band[0], info["device_share"][sent].sum(), atol=1e-12)
        debts_j = [d.debt * env.scenario.budget.energy_j for d in story.devices]
        np.testing.assert_allclose(debts_j, info["device_queue_j"])


def test_coming_frame_is_what_policies_see() -> None:
    env = multiuser("ansi", **{"users.count": 6, "frames.presence": 0.5})
    for action in sampled(env.action_space, COUNT - 1, 7):
        env.step(action)
        story, frame = story_of(env), int(env.rows.states["frame"][0])
        tasks, present = env.rows.nature.tasks[0][:, frame], env.rows.nature.present[0][:, frame]
        assert [d.coming for d in story.devices] == present.tolist()
        for device, task in zip(story.devices, tasks, strict=True):
            assert device.gain_db == pytest.approx(ratio_to_db(float(task["gain"])), abs=0.01)
            assert device.deadline_s == pytest.approx(task["deadline_s"] if device.coming else 0.0, rel=1e-3)
        assert story.outlook[0].startswith(f"{present.sum()} of 6 ha" if present.any() else "nobody has a task")


def test_nothing_secret_about_the_coming_frame() -> None:
    env = multiuser("rgb_array", **{"users.count": 4})
    env.step(decide(env, STEM))
    before, picture = text(story_of(env)), Picture(board.image_figure(), story_of(env))
    picture.draw(story_of(env))
    pixels = picture.board.pixels()
    tasks = env.rows.nature.tasks[0][:, 1:]
    for name in ("complexity", "persistent", "hint", "jitter_s"):
        tasks[name] = 0.123
    assert text(story_of(env)) == before
    picture.draw(story_of(env))
    np.testing.assert_array_equal(picture.board.pixels(), pixels)


# -------------------------------------------------------------------- fates, band, edge
@pytest.mark.parametrize("preset", PRESETS)
def test_fates_of_many_random_frames(preset: str) -> None:
    env, seen = multiuser("ansi", preset, **{"users.count": 20, "frames.count": 40, "early_exits": True}), set()
    for action in sampled(env.action_space, 40, 8):
        *_, info = env.step(action)
        for n, served in served_of(story_of(env)):
            seen.add(served.verdict)
            assert (served.fate == CORRECT) == info["device_correct"][n]
            assert (served.fate == LATE) == (not info["device_on_time"][n])
            if served.reason == "edge busy":
                assert served.stages[2][1] > 0.0
                np.testing.assert_allclose(sum(t for _, t in served.stages), served.deadline_s)
    assert {"✓ correct", "✓ correct: exit", "✗ wrong", "✗ late: computing"} <= seen
    assert ("✗ late: edge busy" in seen) == (preset == "congested")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"cut": STEM, "power_w": 0.0}, ["nobody sent anything", "✗ wrong: not sent"]),
        ({"cut": LOCAL}, ["nobody sent anything", "local      2     –"]),
        ({"cut": STEM, "weight": [1, 0, 0]}, ["100% for devices that sent", "✗ wrong: not sent"]),
        ({"cut": STEM, "weight": 0.0}, ["100% for devices that sent"]),
        ({"cut": [STEM, LOCAL, LOCAL]}, ["33% for devices that sent"]),
    ],
)
def test_text_tells_who_sent(action: dict[str, Any], words: list[str]) -> None:
    env = multiuser("ansi", "enachi", **{"users.count": 3})
    env.step(decide(env, **action))
    for word in words:
        assert word in env.render()


def test_band_is_cut_by_the_shares() -> None:
    env = multiuser("ansi", "enachi", **{"users.count": 3})
    env.step(decide(env, STEM, weight=[0.5, 0.125, 0.375]))
    band = env.render().splitlines()[1][9:]
    assert [band.index(str(n)) for n in range(3)] == [0, round(0.5 * len(band)), round(0.625 * len(band))]
    assert len(band) == COLUMNS - 9
    env.step(decide(env, [STEM, LOCAL, STEM]))
    assert env.render().splitlines()[1].count("░") == 30


def test_frame_without_tasks() -> None:
    env = multiuser("ansi", **{"users.count": 4, "frames.presence": 0.0})
    assert "nobody has a task" in env.render()
    env.step(decide(env, STEM))
    frame = env.render()
    assert "nobody had a task" in frame
    assert "frame 1: 4 no task, reward +0.000" in frame
    assert "0 of 0 tasks correct" in frame
    assert "no debts" in frame
    picture = Picture(board.image_figure(), story_of(env))
    assert_labels(picture, story_of(env))
    assert "nobody had a task" in written(picture)


def test_edge_serves_in_order_of_arrival() -> None:
    env = multiuser("ansi", "congested", **{"users.count": 12, "frames.count": 12, "edge.workers": 2})
    waited = False
    for action in sampled(env.action_space, 12, 9):
        *_, info = env.step({**action, "cut": np.full(12, STEM)})
        story = story_of(env)
        arrivals = [(t.at_s, t.number) for t in story.tails]
        assert arrivals == sorted(arrivals)
        begins = [t.begin_s for t in story.tails if t.begun]
        assert begins == sorted(begins)
        for t in story.tails:
            assert sum(o.begun and o.begin_s <= t.begin_s < o.end_s for o in story.tails) <= 2 or not t.begun
            at_s = info["device_latency_device_s"][t.number] + info["device_latency_uplink_s"][t.number]
            np.testing.assert_allclose(t.at_s, at_s)
            waited |= t.waited
        assert " ".join(str(t.number) for t in story.tails) in text(story)
    assert waited


def test_edge_without_a_limit_is_not_drawn() -> None:
    assert "edge 1" in multiuser("ansi", "congested").render()
    assert "\nedge" not in multiuser("ansi", "default").render()


# -------------------------------------------------------------------- the running score
def test_score_counts_each_drawn_frame_once() -> None:
    env, score = multiuser("ansi"), Score()
    assert story_of(env, score).accuracy is None
    tasks, correct, energy_j = 0, 0, 0.0
    for _ in range(3):
        *_, info = env.step(decide(env, STEM))
        tasks, correct, energy_j = tasks + info["tasks"], correct + info["correct"], energy_j + info["energy_j"]
        for _ in range(2):
            story = story_of(env, score)
    assert story.tally == f"{correct} of {tasks} tasks correct"
    assert story.accuracy == correct / tasks
    assert story.energy_ratio == pytest.approx(energy_j / (tasks * env.scenario.budget.energy_j))
    assert f"{percent(correct / tasks)} correct, {percent(story.energy_ratio)} of the energy budget" in text(story)
    env.step(decide(env, STEM))
    env.step(decide(env, STEM))  # one frame passes unseen: only drawn frames are claimed
    assert "drawn tasks correct" in story_of(env, score).tally
    env.reset()
    assert story_of(env, score).tally == "no frame served yet"
    assert (score.tasks, score.correct, score.energy_j, list(score.frames)) == (0, 0, 0.0, [])


# -------------------------------------------------------------------- text and picture
@pytest.mark.parametrize(("preset", "users"), [("congested", 6), ("enachi", 1), ("default", 8)])
def test_text_and_picture_tell_one_story(preset: str, users: int) -> None:
    env, score = multiuser("rgb_array", preset, **{"users.count": users}), Score()
    for action in sampled(env.action_space, COUNT - 1, 11):
        env.step(action)
        story = story_of(env, score)
        picture = Picture(board.image_figure(), story)
        picture.draw(story)
        words, lines = written(picture), text(story)
        for n, served in served_of(story):
            row = lines.splitlines()[4 + n]
            assert f"{n} {served.cut}" in row
            for shared in (served.verdict, f"{served.clock_hz / 1e9:.3g}"):
                assert shared in words
                assert shared in row
        for d in story.devices:
            assert {d.debt_words, f"{d.gain_db:.0f} dB"} <= words
            assert d.debt_words in lines.splitlines()[4 + d.number]
        assert {story.band_words, story.counter, story.tally, *story.outlook} <= words
        for shared in (story.band_words, story.counter, story.tally, ", ".join(story.outlook)):
            assert shared in lines
        assert {f"{story.fates[fate]} {name}" for fate, name in FATE.items()} <= words
        reward = env.rows.outcomes["reward"][0]
        assert f"{reward:+.3f}" in lines
        assert f"{reward:+.2f}" in words
        assert (story.arrivals in words) == (preset == "congested")


def test_stages_of_all_devices_are_painted() -> None:
    env = multiuser("rgb_array", "congested", **{"users.count": 40, "edge.workers": 1})

    def painted(colour: str) -> int:
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        return int((env.render()[160:390, 200:520] == rgb).all(-1).sum())  # the timelines

    env.step(decide(env, STEM))
    assert all(painted(c) > 150 for c in (BLUE, ORANGE, PURPLE, GREY))
    env.step(decide(env, LOCAL))
    assert painted(BLUE) > 150
    assert not painted(ORANGE)


def test_lines_of_many_devices() -> None:
    env = multiuser("ansi", **{"users.count": 50})
    env.step(decide(env, STEM))
    lines = env.render().splitlines()
    assert [int(line.split()[0]) for line in lines[4 : 4 + MOST_LINES]] == [0, 7, 14, 21, 28, 35, 42, 49]
    (marks,) = (line for line in lines if line.startswith("all "))
    story = story_of(env)
    assert [marks.count(sign) for sign in "●○×-"] == [story.fates[fate] for fate in (CORRECT, WRONG, LATE, IDLE)]


def test_stages_are_the_four() -> None:
    env = multiuser("ansi")
    env.step(decide(env, STEM))
    assert all(tuple(name for name, _ in served.stages) == STAGES for _, served in served_of(story_of(env)))


def test_words_are_cut_between_two() -> None:
    assert fit("reached by 1 2 3", 16) == "reached by 1 2 3"
    assert fit("reached by 11 12 13", 16) == "reached by 11 …"


# -------------------------------------------------------------------- the parallel environment
def test_parallel_environment_draws_the_same() -> None:
    scenario = load_scenario("congested", **{"frames.count": COUNT, "users.count": 4})
    frames = {}
    for mode in ("ansi", "rgb_array"):
        env = SplitParallelEnv(scenario, render_mode=mode)
        env.reset(seed=5)
        env.step({agent: np.array([STEM, 0, 3, 1]) for agent in env.agents})
        frames[mode] = env.render()
        central = single("multiuser", scenario, render_mode=mode)
        central.reset(seed=5)
        central.step(np.repeat([STEM, 0, 3, 1], 4))
        assert_same(frames[mode], central.render())
        env.close()
    assert "frame 2 of 6" in frames["ansi"]
    assert frames["rgb_array"].shape == (board.HEIGHT, board.WIDTH, 3)
