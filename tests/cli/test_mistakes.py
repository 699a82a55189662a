"""Bad input to every public function: one short line that says what, where and what was expected, before any work."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import networkx as nx
import numpy as np
import pytest
from gymnasium.error import Error as GymnasiumError
from hypothesis import given
from hypothesis import strategies as st

import splitgym
from splitgym import evaluation
from splitgym.agents.checkpoint import load_agent
from splitgym.agents.config import TrainConfig
from splitgym.agents.training import train
from splitgym.baselines.search import problem_of, search
from splitgym.checks import LAST_SEED, MOST_EPISODES
from splitgym.envs.single import SplitEnv
from splitgym.envs.vector import SplitVectorEnv
from splitgym.fronts import Front
from splitgym.placement.contest import compare_solvers, judge, solvers
from splitgym.placement.exact import exhaustive, least_latency, optimum, optimum_all
from splitgym.placement.fin import solve_fin, solve_fin_all
from splitgym.placement.generate import hard_instance, random_dnn, random_instance, random_topology
from splitgym.placement.graph_apps import graph_instance
from splitgym.placement.graph_topology import load_topology, topology_of
from splitgym.placement.graphs import build_extended_graph, build_feasible_graph, to_networkx
from splitgym.placement.instance import load_instance
from splitgym.placement.mcp import mcp_code, solve_mcp
from splitgym.placement.plan import Residual
from splitgym.placement.plan import evaluate as judge_plan
from splitgym.placement.profiled import load_network, network_from
from splitgym.placement.published import load_published, published_dnn, published_grid
from splitgym.placement.savings import study_savings
from splitgym.policy import POLICIES, load_baselines, plays
from splitgym.profiles import load_hardware
from splitgym.specs import parameters_of, policy_spec
from splitgym.traces import InferenceTrace
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS, world_of
from tests.helpers import SHORT, run_python, short

ENV = "SplitInference-v0"


class Strange:
    """Something that nothing takes, and that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


#: Values that are mistakes for almost every parameter; those that one of them takes are in ``TAKEN``.
ODD: dict[str, Any] = {
    "None": None,
    "-1": -1,
    "1.5": 1.5,
    "nan": math.nan,
    "inf": math.inf,
    "True": True,
    "1j": 1j,
    "int64": np.int64(2**63 - 1),
    "float64": np.float64(2.0),
    "10**30": 10**30,
    "10**5000": 10**5000,
    "-10**5000": -(10**5000),
    "''": "",
    "word": "qqq",
    "lines": "a\nb",
    "nul": "a\0b",
    "long": "x" * 5000,
    "bytes": b"x",
    "[]": [],
    "[1]": [1],
    "[[]]": [[]],
    "{}": {},
    "{1: 2}": {1: 2},
    "array": np.array([1, 2]),
    "0-d": np.array(3),
    "endless": itertools.repeat(1),
    "class": int,
    "strange": Strange(),
    "{'': 1}": {"": 1},
    "{'scenario': 1}": {"scenario": 1},
    "twice": {"tasks": 1, "tasks.count": 2},
}
WHOLE = "10**30 10**5000 int64"
#: Parameter -> the odd values that every function takes for it, blanks between them.
TAKEN = {
    **dict.fromkeys(("trust", "bound", "overwrite", "resume"), "True"),
    "progress": "None True class",
    "each": "None class",
    **dict.fromkeys(("changes", "episode_options"), "None {}"),
    **dict.fromkeys(("traces", "trace", "render_mode", "rounding", "residual", "or_none"), "None"),
    "gammas": "[1] array",
    "plans": "[]",
    "window": f"None {WHOLE}",
    **dict.fromkeys(("max_cycles", "max_episode_steps"), f"None {WHOLE}"),
    **dict.fromkeys(("store", "storage"), "None word lines"),
    **dict.fromkeys(("path", "out", "source", "study"), "word lines"),  # the name of a file or folder
    "seed": WHOLE,
    "episode": "int64",
    **dict.fromkeys(("tightness", "bits_per_element"), "1.5 float64"),
    "sources": "[]",
    "figures": "None []",
}
#: What single functions take: seeds of an evaluation below 2**63, those of a search below 2**32; a search has no bar.
LIMITED = {
    **{(name, "seed"): "int64" for name in ("evaluate", "sweep", "bounds", "stability")},
    ("search", "seed"): "",
    ("fit", "out"): "None word lines",
    ("search", "progress"): "None class",
    ("randomised", "ranges"): "None {}",
    ("randomised", "observed"): "True",
}


@functools.cache
def setting() -> Any:
    return splitgym.load_scenario("default", **{"tasks.count": 3})


@functools.cache
def environment() -> gym.Env:
    return gym.make(ENV, scenario=setting())


@functools.cache
def instance() -> Any:
    return random_instance(3, blocks=2, exits=1)


@functools.cache
def played() -> Any:
    return splitgym.evaluate("device", ENV, setting(), episodes=1)


@functools.cache
def problem() -> Any:
    return problem_of(world_of("HardwareSplit-v0"), splitgym.load_scenario("default", "HardwareSplit-v0"))


def cases() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Name -> function and arguments that are right (those that cost something are functions), or fail in the end."""
    common = {"env_id": ENV, "scenario": setting, "changes": None}
    run = {"policies": "device", **common, "episodes": 1, "seed": 0}
    flags = {"num_threads": 1, "trust": False, "store": None, "progress": None}
    shell = {"scenario": setting, "action": "box", "episode_options": None, "render_mode": None}
    rows = {"num_envs": 1, "autoreset_mode": "NextStep", "max_episode_steps": None, "num_threads": 1}
    drawn = {"blocks": 2, "exits": 1, "family": "subsets", "seed": 0}
    many = {"n_nodes": 3, "apps": 1, "tightness": 0.5, "latency_mode": "worst"}
    seek = {"problem": problem, "method": "random", "budget": 0.1, "seed": 0, "storage": None, "progress": None}
    alone = {"instance": instance, "residual": None}
    placed = {**alone, "app": 0}
    on_graph = {"topology": topology_of(nx.path_graph(3)), "dnn": instance().dnns["net0"], "tightness": 0.5}
    levels = {"way": "edge", "gamma": 100, "window": None}
    suite = {"policies": "nobody", "suite": "presets", "split": "test", "num_threads": 1, "trust": False}
    named = {"name": None, "cuts": None, "depth": None, "exits": None, "sequential": False, "source": None}
    unmeasured = {"accuracy": None, "chance": None, "steepness": None, "shares": None}
    foreign = {"model": "nobody", "uses_masks": None}
    recorded = {**run, "policies": "nobody", "out": "data/mine-v0", "episode_options": None}
    searched = {"trials": 1, "over": None, "reports": 1, "pruner": "median", "progress": None}
    return {
        "evaluate": (splitgym.evaluate, {**run, **flags, "bound": False, "traces": None}),
        "sweep": (splitgym.sweep, {**run, **flags, "over": {"tasks.hint_std": [0.1]}, "each": None}),
        "stability": (splitgym.stability, {"policies": "device", **common, "tasks": 500, "seed": 0, "trust": False}),
        "evaluate_suite": (splitgym.evaluate_suite, suite),
        "bound": (splitgym.bound, {"trace": None, **common, "seed": 0}),
        "clairvoyant": (splitgym.clairvoyant, {"trace": None, **common, "seed": 0}),
        "bounds": (splitgym.bounds, {**common, "episodes": 1, "seed": 0, "traces": None, "progress": None}),
        "report": (evaluation.report, {"many": played, "path": "\0", "figures": None, "trust": False}),
        "warmup": (
            lambda policies, **rest: splitgym.warmup(policies=policies or "nobody", **rest),
            {"env_ids": ENV, "policies": "nobody", "bound": False, "progress": None},
        ),
        "load_scenario": (splitgym.load_scenario, {"scenario": "default", "env_id": ENV}),
        "randomised": (
            lambda **given: SplitEnv(scenario=splitgym.randomised(**given)),
            {"scenario": "default", "ranges": {"radio.distance_m": "1:2"}, "observed": False},
        ),
        "preset_names": (splitgym.preset_names, {"env_id": ENV}),
        "policy_names": (lambda env_id: splitgym.policy_names("" if env_id is None else env_id), {"env_id": ENV}),
        "load_profile": (splitgym.load_profile, {"name": "resnet50"}),
        "load_hardware": (load_hardware, {"name": "vgg16"}),
        "fit_hardware": (splitgym.fit_hardware, {"table": "nothing.csv", "splits": 1}),
        "HardwareProfile.save": (lambda path: load_hardware("vgg16").save(path), {"path": "\0"}),
        "load_suite": (splitgym.load_suite, {"suite": "presets"}),
        "load_plugin": (lambda source: splitgym.load_plugin(source), {"source": "nothing.py"}),
        "add_presets": (
            lambda source, env_id: splitgym.add_presets(source, env_id),
            {"source": "nothing", "env_id": ENV},
        ),
        "add_profiles": (lambda source: splitgym.add_profiles(source), {"source": "nothing"}),
        "add_hardware": (lambda source: splitgym.add_hardware(source), {"source": "nothing"}),
        "add_suites": (lambda source: splitgym.add_suites(source), {"source": "nothing"}),
        "register_encoding": (lambda thing: splitgym.register_encoding("fresh")(thing), {"thing": int}),
        "register_world": (splitgym.register_world, {"world": "inference"}),
        "make_policy": (splitgym.make_policy, {"name": "device", "env": environment}),
        "random": (lambda seed: splitgym.make_policy("random", environment(), seed=seed), {"seed": 0}),
        "parallel_env": (splitgym.parallel_env, {**shell, "scenario": "default", "reward": "own", "max_cycles": None}),
        "SplitEnv": (lambda or_none, **rest: SplitEnv(or_none, **rest), {**shell, "or_none": "inference"}),
        "SplitVectorEnv": (SplitVectorEnv, {**shell, **rows, "world": "inference"}),
        "InferenceTrace.draw": (InferenceTrace.draw, {"scenario": setting, "seed": 0, "episode": 0}),
        "InferenceTrace.load": (InferenceTrace.load, {"path": "nothing.npz"}),
        "InferenceTrace.save": (lambda path: InferenceTrace.draw(setting()).save(path), {"path": "\0"}),
        "random_instance": (random_instance, {**drawn, **many}),
        "random_dnn": (random_dnn, drawn),
        "random_topology": (random_topology, {"mobile": 1, "edge": 1, "cloud": 1, "seed": 0}),
        "hard_instance": (hard_instance, {"blocks": 2}),
        "load_instance": (load_instance, {"source": "nothing.json"}),
        "solvers": (solvers, {"instance": instance, "gamma": 100, "rounding": None}),
        "compare_solvers": (compare_solvers, {"instance": instance, "gamma": 100}),
        "solve_fin": (lambda way, **rest: solve_fin(rounding=way, **rest), {**placed, **levels, "returns": "refuse"}),
        "solve_fin_all": (solve_fin_all, {"instance": instance, "order": "best", "gamma": 100}),
        "optimum": (lambda or_none, **rest: optimum(app=or_none, **rest), {**alone, "or_none": 0}),
        "optimum_all": (optimum_all, {"instance": instance}),
        "exhaustive": (exhaustive, placed),
        "least_latency": (least_latency, placed),
        "solve_mcp": (solve_mcp, {**placed, "combine": "sum"}),
        "mcp_code": (mcp_code, {"instance": instance}),
        "judge_plan": (judge_plan, {**placed, "exit_config": 0, "placement": ["d0", "d0"]}),
        "judge": (judge, {"instance": instance, "plans": ()}),
        "build_extended_graph": (build_extended_graph, {**placed, "config": 0}),
        "build_feasible_graph": (build_feasible_graph, {**placed, "config": 0, "gamma": 10}),
        "to_networkx": (to_networkx, {"instance": instance}),
        "load_topology": (load_topology, {"path": "nothing.gml", "mapping": None}),
        "topology_of": (topology_of, {"graph": None}),
        "graph_instance": (graph_instance, {**on_graph, "sources": ["0"]}),
        "network_from": (network_from, {"profile": "resnet50", "bits_per_element": 8.0}),
        "load_network": (load_network, {"name": "resnet50"}),
        "load_published": (load_published, {"name": "b_alexnet"}),
        "published_dnn": (published_dnn, {"name": "b_alexnet", "energy": "full"}),
        "published_grid": (published_grid, {"dnn": "b_alexnet"}),
        "study_savings": (lambda gammas: study_savings(gammas=gammas), {"gammas": (10,)}),
        "search": (search, seek),
        "Front.load": (Front.load, {"path": "nothing.json"}),
        "Results.to_csv": (lambda path: played().to_csv("" if path is None else path), {"path": "\0"}),
        "Scenario.save": (lambda path: setting().save(path), {"path": "\0"}),
        "Results.plot": (lambda path: played().plot(path), {"path": "\0"}),
        "Results.figure": (lambda policy, name: played().figure(policy, name), {"policy": "device", "name": "return"}),
        "Results.seeds": (lambda policy: played().seeds(policy), {"policy": "device"}),
        "load_agent": (load_agent, {"path": "nothing"}),
        "export_agent": (splitgym.export_agent, {"run": "nothing", "out": "x.safetensors"}),
        # without a folder it takes one by default, and trains
        "train": (
            lambda config, out, **rest: train(config, "" if out is None else out, **rest),
            {"config": TrainConfig(), "out": "\0", "resume": False, "overwrite": False},
        ),
        "train_seeds": (
            lambda config, seeds, out, **rest: splitgym.train_seeds(config, seeds, "" if out is None else out, **rest),
            {"config": TrainConfig(), "seeds": "0:2", "out": "\0", "resume": False, "overwrite": False},
        ),
        "tune": (
            lambda config, study, **rest: splitgym.tune(config, "" if study is None else study, **rest),
            {"config": TrainConfig(), "study": "\0", **searched},
        ),
        "learning_curves": (
            splitgym.learning_curves,
            {"runs": "nothing", "policies": "device", "bound": False, "trust": False, "progress": None},
        ),
        "policy_from": (splitgym.policy_from, foreign),
        "per_device": (splitgym.per_device, foreign),
        "profile": (splitgym.profile, {"model": "nobody", "example_input": (1, 3, 8, 8), **named, **unmeasured}),
        "fit": (splitgym.fit, {**common, "out": None, "samples": 1000, "episodes": 1, "seed": 0, "progress": None}),
        "record_dataset": (splitgym.record_dataset, {**recorded, "num_threads": 1, "trust": False, "progress": None}),
    }


def odd_values(name: str, parameter: str) -> dict[str, Any]:
    """The odd values that a function must refuse for a parameter."""
    taken = LIMITED.get((name, parameter), TAKEN.get(parameter, ""))
    return {tag: odd for tag, odd in ODD.items() if tag not in taken.split()}


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Exception | None:
    """What a call raised of that which callers may expect; anything else is a fault."""
    try:
        function(*args, **kwargs)
    except (ValueError, TypeError, GymnasiumError, OSError) as error:
        return error
    return None


def told_well(error: Exception, tag: Any) -> str:
    """The message of a refusal: one short line in words for people."""
    text = str(error)
    assert not isinstance(error, UnicodeError), (tag, text)
    assert 0 < len(text) < 500, (tag, text)
    assert "\n" not in text, (tag, text)
    for jargon in ("NoneType", "not supported between", "unhashable", "subscriptable", "not iterable", "has no len"):
        assert jargon not in text, (tag, text)
    return text


@pytest.mark.parametrize(("name", "parameter"), [(n, p) for n, (_, good) in cases().items() for p in good])
def test_a_mistake_is_told_in_one_short_line(name: str, parameter: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    call, good = cases()[name]
    lazy = (setting, environment, instance, played, problem)
    arguments = {key: value() if value in lazy else value for key, value in good.items()}
    for tag, odd in odd_values(name, parameter).items():
        error = refusal(call, **{**arguments, parameter: odd})
        assert error is not None, f"{name} takes {parameter}={tag}"
        told_well(error, tag)
    assert not list(tmp_path.iterdir()), "a refused call leaves nothing behind"


def test_all_public_functions_are_walked() -> None:
    walked = {name.partition(".")[0] for name in cases()} | {"fading", "arrivals", "register_policy"}
    functions = {name for name in splitgym.__all__ if inspect.isfunction(getattr(splitgym, name))}
    harmless = {"hardware_names", "profile_names", "suite_names", "register_envs"}  # they take nothing
    assert functions - harmless <= walked


@pytest.mark.parametrize("world", WORLDS)
def test_an_option_of_an_episode_is_told_in_one_short_line(world: str) -> None:
    """One that there is, with every odd value; every odd name; neither begins an episode."""
    env = SplitEnv(world=world, scenario=short(world, WORLDS[world].preset_names()[0]))
    options = WORLDS[world].options
    for tag, odd in {**ODD, "table": np.zeros(1000)}.items():
        for name in (*options, "nothing of the kind " * 100, "a\nb"):
            if name in options and any(odd is choice for choice in options[name].choices):
                continue
            error = refusal(env.reset, seed=0, options={name: odd})
            assert error is not None, (name, tag)
            told_well(error, tag)
    with pytest.raises(GymnasiumError, match="before the first reset"):
        env.step(env.action_space.sample())


# ------------------------------------------------------------------ what compiled loops read
def test_a_residual_has_a_number_for_every_node_and_arc() -> None:
    """With less, compiled loops would read what lies behind it, and call a refusal certain."""
    own = Residual.of(instance())
    parts = [own.node_ops_s, own.memory_bits, own.arc_bit_s]
    for place, name in enumerate(("node_ops_s", "memory_bits", "arc_bit_s")):
        for wrong, message in (
            (parts[place][:-1], r"must have \d+ numbers, the instance has 3 nodes and \d+ arcs, got"),
            (np.append(parts[place], 1.0), "must have"),
            (np.zeros(0), "must have"),
            (-parts[place] - 1.0, "must be a list of numbers >= 0"),
            (math.nan * parts[place], "must be a list of numbers >= 0"),
            (parts[place][None], "must be a list of numbers >= 0"),
            (["x"], "must be floats or integers"),
        ):
            given = [*parts[:place], wrong, *parts[place + 1 :]]
            for solve in (solve_fin, optimum, exhaustive, solve_mcp, build_extended_graph):
                with pytest.raises(ValueError, match=rf"residual\.{name} {message}"):
                    solve(instance(), residual=Residual(*given))
    given = Residual(*(part.tolist() for part in parts))  # pyright: ignore[reportArgumentType]
    assert solve_fin(instance(), residual=given) == solve_fin(instance(), residual=own)


def test_a_backend_that_there_is_not_is_called_by_its_variable() -> None:
    code = "from splitgym.extras import need\ntry: need('matplotlib', 'report')\nexcept ValueError as e: print(e)"
    said = run_python(code, MPLBACKEND="nonsense")
    assert said == "MPLBACKEND='nonsense' in the environment is not a backend of matplotlib; unset it, or use 'agg'\n"


# ------------------------------------------------------------------ counts and seeds
@pytest.mark.parametrize("seed", [np.int64(2**63 - 1), 2**63 - 1, LAST_SEED])
def test_the_last_seed_is_one(seed: Any) -> None:
    results = splitgym.evaluate("device", ENV, setting(), episodes=1, seed=seed)
    assert results.rows()[0]["seed"] == 2**63 - 1
    with pytest.raises(ValueError, match=r"seed \+ episodes must stay below 2\*\*63, got seed=9223372036854775807"):
        splitgym.evaluate("device", ENV, setting(), episodes=2, seed=seed)


@pytest.mark.parametrize("episodes", [1.5, True, "3", None, np.float64(2.0), 0, -1, MOST_EPISODES + 1, 10**30])
def test_episodes_are_whole_numbers(episodes: Any) -> None:
    for function in (splitgym.evaluate, functools.partial(splitgym.sweep, over={"tasks.hint_std": [0.1]})):
        with pytest.raises(ValueError, match="episodes must be an integer >= 1 and <= 10000000, got"):
            function("device", ENV, setting(), episodes=episodes)
    with pytest.raises(ValueError, match="episodes must be"):
        splitgym.bounds(ENV, setting(), episodes)


def test_numpy_counts_are_counts() -> None:
    ours = splitgym.evaluate("device", ENV, setting(), episodes=np.int64(2), seed=np.uint8(3), num_threads=np.int32(1))
    assert [row["seed"] for row in ours.rows()] == [3, 4]
    assert splitgym.bounds(ENV, setting(), np.int16(1), np.int64(5)) == [
        splitgym.bound(seed=5, scenario=setting()).value
    ]


def test_a_sweep_is_counted_before_it_begins() -> None:
    with pytest.raises(ValueError, match=r"over\['tasks.count'\] must hold 1 to 10000 values, got more"):
        splitgym.sweep("device", over={"tasks.count": range(1, 10**12)})
    with pytest.raises(ValueError, match=r"must hold 1 to 10000 values, got more"):
        splitgym.sweep("device", over={"tasks.count": itertools.count(1)})


# ------------------------------------------------------------------ names
BAD_NAMES = [
    *(
        "",
        " x",
        "x ",
        "a:b",
        "a,b",
        "a=b",
        "a/b",
        "a\\b",
        "a\nb",
        "a\tb",
        "a\0b",
        "-x",
        "=x",
        "+x",
        "@x",
        "all",
        "x" * 101,
    ),
    *("\u202ex", 3, None, b"x", ["x"], 1.5, True),
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: repr(name)[:20])
def test_names_that_cannot_be_typed_are_refused(name: Any) -> None:
    for kind, register, registry in (
        ("policy", lambda n: splitgym.register_policy(lambda env: env, name=n), POLICIES),
        ("fading model", lambda n: splitgym.fading(n)(lambda rng, n_slots, slot_s: None), FADING),
        ("arrival model", lambda n: splitgym.arrivals(n)(lambda rng, n_tasks: None), ARRIVALS),
    ):
        before = list(registry)
        with pytest.raises(ValueError, match=f"the name of the {kind} cannot be (a name|typed)|a policy needs a name"):
            register(name)
        assert list(registry) == before


@pytest.mark.parametrize("policy", [3, "x", 1.5, [], lambda: 0, object()])
def test_a_policy_is_something_that_takes_an_environment(policy: Any) -> None:
    with pytest.raises(ValueError, match="a policy must be a class or function, called as policy"):
        splitgym.register_policy(policy, name="mistaken")
    with pytest.raises(ValueError, match=r"a policy (needs a name|must be)"):
        splitgym.register_policy(policy)
    assert "mistaken" not in POLICIES
    with pytest.raises(ValueError, match="already registered"):
        splitgym.register_policy(lambda env: env, name="enachi")
    for model in (splitgym.fading, splitgym.arrivals):
        with pytest.raises(ValueError, match="must be a function"):
            model("mistaken")(3)


def test_a_policy_that_decides_nothing_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr(POLICIES, "_table", {**POLICIES._table})
    splitgym.register_policy(lambda env: 3, name="three")
    with pytest.raises(TypeError, match=r"policy 'three' makes an int, which has no predict"):
        splitgym.make_policy("three", environment())


# ------------------------------------------------------------------ policies with parameters
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]))


@given(st.dictionaries(st.sampled_from(["front", "cut", "x"]), st.one_of(TEXTS, st.integers(), st.booleans())))
def test_a_policy_in_words_is_read_back(parameters: dict[str, Any]) -> None:
    name, _, words = policy_spec("dynasplit", parameters).partition(":")
    assert name == "dynasplit"
    assert parameters_of(words, "policy") == parameters


def test_a_comma_in_a_value_needs_quotes() -> None:
    assert parameters_of("front='a,b.json',budget=0.5", "policy") == {"front": "a,b.json", "budget": 0.5}
    with pytest.raises(ValueError, match=r"policy needs KEY=VALUE, got 'b\.json'; put a value with a comma"):
        parameters_of("front=a,b.json", "policy")


ODD_PARAMETERS = (-1, 1.5, math.nan, math.inf, "", "qqq", b"x", [1], 10**400, 1e-320, True, {}, "a\0b", "x" * 5000)


@pytest.mark.parametrize("world", WORLDS)
def test_parameters_of_policies(world: str) -> None:
    """Whatever a parameter is given, a policy works with it or refuses it by name."""
    load_baselines()
    env = gym.make(WORLDS[world].env_id, scenario=short(world, "default"), action="dict")
    observation, _ = env.reset(seed=0)

    def decide(name: str, **parameters: Any) -> None:
        try:
            action, _ = splitgym.make_policy(name, env, **parameters).predict(observation)
        except UserWarning as warning:  # an unusual value is told too
            raise ValueError(str(warning)) from warning
        assert env.action_space.contains(action), (name, parameters)

    for name in (name for name in POLICIES if plays(POLICIES[name], world)):
        for parameter in (p for p in inspect.signature(POLICIES[name]).parameters if p not in ("env", "seed")):
            for odd in ODD_PARAMETERS:
                error = refusal(decide, name, **{parameter: odd})
                if error is not None:
                    assert parameter.removeprefix("search_") in told_well(error, odd), (name, parameter, odd)


# ------------------------------------------------------------------ scenarios
KEYS = [(world, key) for world in SHORT for key in WORLDS[world].load_scenario("default").to_dict()]
SECTIONS = ("qqq", 3, True, [], [1], {"qqq": 1}, 1.5, {}, [{}], math.nan, {"model": 3}, {"model": [], "parameters": 4})


@pytest.mark.parametrize(("world", "key"), KEYS)
def test_odd_values_beside_a_base(world: str, key: str) -> None:
    """A section of another type is refused by its name, as the row ``fading = "x"`` asks."""
    env_id = WORLDS[world].env_id
    for odd in SECTIONS:
        for scenario, changes in (({"base": "default", key: odd}, {}), ("default", {key: odd})):
            error = refusal(splitgym.load_scenario, scenario, env_id, **changes)
            if error is not None:
                assert any(word in told_well(error, odd) for word in (key, "qqq", "model")), (odd, error)


@pytest.mark.parametrize("base", SECTIONS, ids=repr)
def test_a_base_is_a_name(base: Any) -> None:
    error = refusal(splitgym.load_scenario, {"base": base})
    assert error is not None
    assert "base must name a preset" in told_well(error, base)


def test_a_key_is_changed_once() -> None:
    with pytest.raises(ValueError, match="'tasks' is changed as a whole and in part; give one of them"):
        splitgym.load_scenario("default", **{"tasks": 3, "tasks.count": 4})
    with pytest.raises(ValueError, match="unknown key 'scenario'"):
        splitgym.evaluate("device", changes={"scenario": 3})
    section = {"hint_std": 0.5}
    both = splitgym.load_scenario("default", **{"tasks": section, "tasks.count": 4})
    assert (both.tasks.hint_std, both.tasks.count, section) == (0.5, 4, {"hint_std": 0.5})


# ------------------------------------------------------------------ environments by id
@pytest.mark.parametrize("world", WORLDS)
def test_environments_by_id(world: str) -> None:
    env_id = WORLDS[world].env_id
    for odd in ({"scenario": "defualt"}, {"action": "bocks"}, {"render_mode": "rgb"}, {"episode_options": 3}):
        error = refusal(gym.make, env_id, **odd)
        assert error is not None
        assert str(next(iter(odd.values()))) in str(error)
    rows = [("num_envs", 10**12), ("num_envs", "4"), ("num_threads", 10**6), ("num_threads", None)]
    for name, odd in [*rows, ("max_episode_steps", 0)]:
        with pytest.raises(ValueError, match=name):
            gym.make_vec(env_id, **{"num_envs": 2, name: odd})
    with pytest.raises(GymnasiumError, match=f"Did you mean: `{env_id.partition('-')[0]}`"):
        gym.make(f"{env_id[:3]}j{env_id[4:]}")
    with pytest.raises(ValueError, match=f"did you mean '{env_id}'"):
        splitgym.preset_names(env_id.replace("v0", "v1"))
