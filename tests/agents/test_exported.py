"""A trained agent as one file: it decides as the run does, without torch, and what is not whole is refused."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.numpy import load, save

import splitgym
from splitgym import cli
from splitgym.agents.algorithms import ALGORITHMS
from splitgym.agents.config import TrainConfig
from splitgym.agents.forward import Memory, Network
from tests.helpers import run_python, short

OBSERVATIONS = 10_000
LEARNT = [(algo, action) for algo in ALGORITHMS for action in ALGORITHMS[algo].actions]


def trained(folder: Path, algo: str = "ppo", action: str | None = None, **changes: Any) -> Path:
    """A run of some steps."""
    on_policy = "n_epochs" in ALGORITHMS[algo].hyper or algo == "a2c"
    hyper = {"n_steps": 8} if on_policy else {"learning_starts": 64, "buffer_size": 2000, "batch_size": 16}
    given = {"algo": algo, "action": action, "steps": 96, "n_envs": 8, "net": (24, 16), "hyper": hyper}
    scenario = short("inference", "default", **{"tasks.count": 9})
    return splitgym.train(TrainConfig(**{"scenario": scenario, **given, **changes}), folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "mine")


@pytest.fixture(scope="module")
def file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return splitgym.export_agent(run, tmp_path_factory.mktemp("files") / "mine.safetensors")


# ------------------------------------------------------------------ the same decisions
def seen_by(agent: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Observations, and masks that allow at least the first level of each choice."""
    space, acted = agent.policy.observation_space, agent.policy.action_space
    observations = rng.uniform(-1.0, 1.0, (OBSERVATIONS, *space.shape)).astype(np.float32)
    if not agent.uses_masks:
        return observations, None
    sizes = acted.nvec.tolist() if isinstance(acted, spaces.MultiDiscrete) else [int(acted.n)]
    masks = rng.random((OBSERVATIONS, sum(sizes))) < 0.6
    masks[:, np.cumsum([0, *sizes[:-1]])] = True
    return observations, masks


def assert_same_but_ties(
    network: Network, observations: np.ndarray, masks: np.ndarray | None, actions: np.ndarray, expected: np.ndarray
) -> None:
    """Levels differ only where the network rates both alike, to 1e-5."""
    outputs = network.forward(observations)
    if masks is not None:
        assert np.take_along_axis(masks, _places(network, actions), axis=1).all()
        outputs = np.where(masks, outputs, -np.inf)
    ours, theirs = (np.take_along_axis(outputs, _places(network, a), axis=1) for a in (actions, expected))
    assert (ours - theirs <= 1e-5).all()
    assert (actions == expected).mean() > 0.99


def _places(network: Network, actions: np.ndarray) -> np.ndarray:
    """Where the outputs of the chosen levels stand, (n, choices)."""
    space = network.action_space
    begins = np.cumsum([0, *space.nvec[:-1]]) if isinstance(space, spaces.MultiDiscrete) else 0
    return actions.reshape(len(actions), -1) + begins


@pytest.mark.parametrize(("algo", "action"), LEARNT)
def test_the_file_decides_as_the_run(algo: str, action: str, tmp_path: Path) -> None:
    """Numbers to 1e-5, and the same levels but for ties; observation by observation as in a batch, to the bit."""
    run = trained(tmp_path / "run", algo, action)
    ours, theirs = splitgym.load_agent(splitgym.export_agent(run, tmp_path / "x.safetensors")), splitgym.load_agent(run)
    observations, masks = seen_by(theirs, np.random.default_rng(0))
    actions, expected = (agent.predict(observations, action_masks=masks)[0] for agent in (ours, theirs))
    assert (actions.shape, actions.dtype) == (expected.shape, expected.dtype)
    if actions.dtype.kind == "f":
        assert np.abs(actions - expected).max() <= 1e-5
    else:
        assert_same_but_ties(ours.policy, observations, masks, actions, expected)
    assert len(np.unique(actions, axis=0)) > 1
    for i in range(20):
        mask = None if masks is None else masks[i]
        alone = ours.predict(observations[i], action_masks=mask)[0]
        assert isinstance(alone, np.ndarray)
        assert np.array_equal(alone, actions[i])
    assert ours.steps == theirs.steps
    assert ours.config == theirs.config


@pytest.mark.parametrize("action", ALGORITHMS["recurrent-ppo"].actions)
def test_what_is_remembered_is_the_runs(action: str, tmp_path: Path) -> None:
    """Step by step, with rows that begin anew: decisions and state to 1e-5; a row alone as in the batch, to the bit."""
    run = trained(tmp_path / "run", "recurrent-ppo", action)
    ours, theirs = splitgym.load_agent(splitgym.export_agent(run, tmp_path / "x.safetensors")), splitgym.load_agent(run)
    rng, n = np.random.default_rng(0), 50
    states: list[Any] = [None, None, None]
    moved, same = 0.0, list[float]()
    for step in range(40):
        observations = rng.uniform(-1.0, 1.0, (n, *ours.policy.observation_space.shape)).astype(np.float32)
        starts = rng.random(n) < (0.1 if step else 1.0)
        mine, states[0] = ours.predict(observations, states[0], starts)
        expected, states[1] = theirs.predict(observations, states[1], starts)
        for part, wanted in zip(states[0], states[1], strict=True):
            assert (part.shape, part.dtype) == (wanted.shape, wanted.dtype)
            assert np.abs(part - wanted).max() <= 1e-5
        assert action != "box" or np.abs(mine - expected).max() <= 1e-5
        same.append(float((mine == expected).mean()))
        alone, states[2] = ours.predict(observations[3], states[2], starts[3:4])
        assert np.array_equal(alone, mine[3])
        assert np.array_equal(states[2][0][:, 0], states[0][0][:, 3])
        moved = max(moved, float(np.abs(states[0][0]).max()))
    assert moved > 0.01
    assert action == "box" or np.mean(same) > 0.97  # but for ties


def test_a_memory_by_hand() -> None:
    """One number, remembered for two steps: gates at sigmoid(0) = 1/2, a new value of tanh(1) = 0.76159416."""
    zero = np.zeros((4, 1), np.float32)
    memory = Memory(np.array([[0.0], [0.0], [1.0], [0.0]], np.float32), zero, np.zeros(4, np.float32), zero[:, 0])
    first, state = memory.step(np.array([[1.0]], np.float32), None, None)
    assert first[0, 0] == pytest.approx(0.5 * np.tanh(0.5 * 0.76159416), abs=1e-6)
    second, _ = memory.step(np.array([[1.0]], np.float32), state, np.array([False]))
    assert second[0, 0] == pytest.approx(0.5 * np.tanh(0.75 * 0.76159416), abs=1e-6)
    again, _ = memory.step(np.array([[1.0]], np.float32), state, np.array([True]))
    assert again[0, 0] == first[0, 0]


MEMORIES: dict[str, tuple[Callable[[dict[str, np.ndarray]], Any], str]] = {
    "none": (lambda t: [t.pop(n) for n in list(t) if n.startswith("memory")], "recurrent-ppo needs arrays memory."),
    "a part": (lambda t: t.pop("memory.bias_hh"), "its arrays must be 0.weight"),
    "a shape": (lambda t: t.update({"memory.bias_hh": np.zeros(3, np.float32)}), "memory's bias_hh has the shape (3,)"),
    "a size": (lambda t: t.update({"memory.weight_hh": t["memory.weight_hh"][:, 1:].copy()}), "the memory's weight_"),
    "NaN": (lambda t: t["memory.bias_ih"].__setitem__(0, np.nan), "the memory's bias_ih holds NaN"),
    "doubles": (lambda t: t.update({"memory.bias_ih": t["memory.bias_ih"].astype(float)}), "holds float64, not"),
}  # fmt: skip


def test_a_memory_that_is_not_whole_is_refused(file: Path, tmp_path: Path) -> None:
    run, path = trained(tmp_path / "run", "recurrent-ppo"), tmp_path / "wrong.safetensors"
    whole = splitgym.export_agent(run, tmp_path / "x.safetensors").read_bytes()
    for wrong, why in MEMORIES.values():
        path.write_bytes(rewritten(whole, wrong))
        with pytest.raises(ValueError, match=r"wrong\.safetensors") as told:
            splitgym.load_agent(path)
        assert why in str(told.value)
    memory = {name: array for name, array in load(whole).items() if name.startswith("memory")}
    path.write_bytes(rewritten(file.read_bytes(), lambda t: t.update(memory)))
    with pytest.raises(ValueError, match="ppo has no arrays memory"):
        splitgym.load_agent(path)


@pytest.mark.parametrize("changes", [{"net": ()}, {"hyper": {"n_steps": 8, "use_sde": True}, "action": "box"}])
def test_other_networks(changes: dict[str, Any], tmp_path: Path) -> None:
    run = trained(tmp_path / "run", **changes)
    ours, theirs = splitgym.load_agent(splitgym.export_agent(run, tmp_path / "x.safetensors")), splitgym.load_agent(run)
    observations, _ = seen_by(theirs, np.random.default_rng(0))
    actions, expected = (agent.predict(observations)[0] for agent in (ours, theirs))
    assert np.abs(actions - expected).max() <= (1e-5 if actions.dtype.kind == "f" else 0)


def returns_of(results: Any) -> list[list[float]]:
    """Returns of the episodes of each policy."""
    return [group["return"].tolist() for _, group in results.frame().groupby("policy", sort=False)]


def test_a_file_is_evaluated_as_its_run(run: Path, file: Path) -> None:
    """By its path, and as an object."""
    agent = splitgym.load_agent(file)
    setting: Any = {"scenario": agent.config and agent.config.scenario, "episodes": 4}
    first, second, third = returns_of(splitgym.evaluate({"run": str(run), "file": str(file), "it": agent}, **setting))
    assert first == second == third
    assert len(set(first)) > 1


def test_one_policy_for_every_device(tmp_path: Path) -> None:
    scenario = short("multiuser", "default", **{"frames.count": 5, "users.count": 3})
    run = trained(tmp_path / "run", env_id="SplitInferenceMultiUser-v0", scenario=scenario, agents="team")
    pair = {"run": str(run), "file": str(splitgym.export_agent(run, tmp_path / "team.safetensors"))}
    first, second = returns_of(splitgym.evaluate(pair, "SplitInferenceMultiUser-v0", scenario=scenario, episodes=3))
    assert first == second


PLAYED = """
import sys
sys.modules.update(dict.fromkeys(("torch", "stable_baselines3", "sb3_contrib")))  # as if they were not installed
import splitgym
agent = splitgym.load_agent(sys.argv[1])
print(splitgym.evaluate(agent, scenario=agent.config.scenario, episodes=2).frame()["return"].tolist())
"""


def test_it_plays_without_torch(run: Path, file: Path) -> None:
    config = splitgym.load_agent(run).config
    assert config is not None
    results = splitgym.evaluate(str(run), scenario=config.scenario, episodes=2)
    assert run_python(PLAYED, str(file)) == f"{results.frame()['return'].tolist()}\n"


def test_the_command(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", str(run)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("wrote mine.safetensors (")
    assert "splitgym evaluate mine.safetensors enachi" in told
    assert splitgym.load_agent("mine.safetensors").name == "mine"


# ------------------------------------------------------------------ what is refused
def header(content: bytes) -> tuple[dict[str, Any], bytes]:
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def changed(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The file with another JSON document."""
    document = json.loads(header(content)[0]["__metadata__"]["splitgym"])
    change(document)
    return save(load(content), metadata={"splitgym": json.dumps(document)})


def rewritten(content: bytes, change: Callable[[dict[str, np.ndarray]], Any]) -> bytes:
    """The file with other arrays."""
    tensors = load(content)
    change(tensors)
    return save(tensors, metadata=header(content)[0]["__metadata__"])


def pickled(_: bytes) -> bytes:
    buffer = io.BytesIO()
    pickle.dump(print, buffer)
    return buffer.getvalue()


def torch_file(_: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save({"0.weight": torch.zeros(2, 2)}, buffer)
    return buffer.getvalue()


WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda c: b"", "is not a whole safetensors file"),
    "cut": (lambda c: c[:-10], "is not a whole safetensors file"),
    "longer": (lambda c: c + b"more", "is not a whole safetensors file"),
    "a pickle": (pickled, "is not a whole safetensors file"),
    "torch's": (torch_file, "is not a whole safetensors file"),
    "a stranger's": (lambda c: save(load(c)), "is not an agent of 'splitgym export'"),
    "no JSON": (lambda c: save(load(c), metadata={"splitgym": "{"}), "is not valid JSON"),
    "a later format": (lambda c: changed(c, lambda d: d.update(format="splitgym-agent-9")), "this version reads"),
    "no scenario": (lambda c: changed(c, lambda d: d.pop("scenario")), "scenario must be a table"),
    "another scenario": (
        lambda c: changed(c, lambda d: d["scenario"].update(digest="0" * 16)),
        "has other values or spaces in this version of splitgym",
    ),
    "an unknown key": (lambda c: changed(c, lambda d: d["config"].update(wings=2)), "wings"),
    "steps": (lambda c: changed(c, lambda d: d.update(steps=-1)), "steps must be a whole number"),
    "NaN": (lambda c: rewritten(c, lambda t: t["1.weight"].__setitem__((0, 0), np.nan)), "NaN"),
    "a layer less": (
        lambda c: rewritten(c, lambda t: [t.pop(name) for name in ("1.weight", "1.bias")]),
        "its arrays must be 0.weight, 0.bias",
    ),
    "other names": (lambda c: rewritten(c, lambda t: t.update(x=t.pop("0.weight"))), "its arrays must be"),
    "an array more": (lambda c: rewritten(c, lambda t: t.update(x=np.zeros(1, np.float32))), "its arrays must be"),
    "a shape": (
        lambda c: rewritten(c, lambda t: t.update({"0.weight": np.zeros((24, 5), np.float32)})),
        "layer 0 has weights (24, 5)",
    ),
    "doubles": (lambda c: rewritten(c, lambda t: t.update({"0.bias": t["0.bias"].astype(float)})), "not float32"),
    "fewer actions": (
        lambda c: rewritten(
            c, lambda t: t.update({"2.weight": t["2.weight"][:5].copy(), "2.bias": t["2.bias"][:5].copy()})
        ),
        "the last layer gives 5 numbers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_whole_is_refused(name: str, file: Path, tmp_path: Path) -> None:
    wrong, why = WRONG[name]
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(wrong(file.read_bytes()))
    with pytest.raises(ValueError, match=r"wrong\.safetensors") as told:
        splitgym.load_agent(path)
    assert why in str(told.value)
    assert cli.main(["evaluate", str(path), "--episodes", "1"]) == 2


def test_every_bit_of_the_header_is_checked_or_says_nothing(file: Path, tmp_path: Path) -> None:
    """A file with a damaged byte is refused, or it was one that only tells something; nothing else comes of it."""
    content, path = file.read_bytes(), tmp_path / "wrong.safetensors"
    size = 8 + struct.unpack("<Q", content[:8])[0]
    for place in np.random.default_rng(0).choice(size, 100, replace=False).tolist():
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x15]) + content[place + 1 :])
        with contextlib.suppress(ValueError):
            splitgym.load_agent(path)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda run, file: splitgym.export_agent(run, "x.zip"), "out must end in .safetensors, got 'x.zip'"),
        (lambda run, file: splitgym.export_agent("nowhere"), "no such model: 'nowhere'"),
        (lambda run, file: splitgym.load_agent("nowhere.safetensors"), "no such model: 'nowhere.safetensors'"),
        (
            lambda run, file: splitgym.load_agent(file).predict(np.zeros(11), deterministic=False),
            "an exported agent decides deterministically",
        ),
        (lambda run, file: splitgym.load_agent(file).predict(np.zeros(3)), "observations must have shape (11,)"),
        (
            lambda run, file: splitgym.evaluate(str(file), "HardwareSplit-v0", episodes=1),
            "was trained on SplitInference-v0, not HardwareSplit-v0",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why(call: Callable[[Path, Path], Any], why: str, run: Path, file: Path) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        call(run, file)
    assert why in str(told.value)


def test_a_scenario_with_files_stays_a_folder(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("arrival_s\n" + "\n".join(str(0.3 * k) for k in range(200)))
    given = {"arrivals.model": "recorded", "arrivals.parameters": {"file": str(log)}, "tasks.count": 9}
    run = trained(tmp_path / "run", scenario=splitgym.load_scenario("default", **given))
    with pytest.raises(ValueError, match="names files, which one file cannot carry; share the run's folder"):
        splitgym.export_agent(run, tmp_path / "x.safetensors")


@pytest.mark.parametrize("algo", ["sac", "tqc"])
def test_another_last_layer_is_refused(algo: str, tmp_path: Path) -> None:
    hyper = {"use_sde": True, "learning_starts": 64, "buffer_size": 2000, "batch_size": 16}
    run = trained(tmp_path / "run", algo, hyper=hyper)
    with pytest.raises(ValueError, match=f"{algo.upper()} with use_sde cannot be exported"):
        splitgym.export_agent(run, tmp_path / "x.safetensors")


# ------------------------------------------------------------------ the networks by hand
def test_two_neurons_by_hand() -> None:
    """tanh(0.5) = 0.46211716, tanh(-0.25) = -0.24491866; by hand."""
    layers = (
        (np.array([[1.0, 0.0], [0.0, 0.5]], np.float32), np.array([0.0, 0.25], np.float32)),
        (np.array([[1.0, 1.0]], np.float32), np.array([0.5], np.float32)),
    )
    low, high = np.array([-0.5], np.float32), np.array([0.7], np.float32)
    seen, acted = spaces.Box(-1.0, 1.0, (2,), np.float32), spaces.Box(low, high, dtype=np.float32)
    observation = np.array([0.5, -1.0])

    def network(activation: str, squashed: bool = False) -> Network:
        return Network(layers, activation, squashed, seen, acted)

    total = 0.5 + 0.46211716 - 0.24491866
    assert network("tanh").forward(observation[None])[0, 0] == pytest.approx(total, abs=1e-6)
    assert network("tanh").predict(observation)[0] == pytest.approx([0.7])
    inside = -0.5 + 0.5 * (np.tanh(total) + 1.0) * 1.2
    assert network("tanh", True).predict(observation)[0] == pytest.approx([inside], abs=1e-6)
    assert network("relu").forward(observation[None])[0, 0] == pytest.approx(0.5 + 0.5, abs=1e-6)
