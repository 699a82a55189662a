"""Damaged, hostile and odd files of every format that the package reads: :func:`run_files`.

Small files that are right are mutated and read by the public function.  Each is read as meant, and then all its
numbers are finite, or refused with a ``ValueError`` of one short line that names the file.  Whatever else happens is a
fault: another exception, a warning, a reader that does not come back, memory for what the file only claims to hold.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import io
import json
import math
import re
import resource
import signal
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.agents.config import TrainConfig, load_config
from splitgym.agents.exported import ENTRY, FORMAT, load_exported
from splitgym.agents.seeds import read_seeds, write_seeds
from splitgym.agents.study_folder import Plan, load_plan
from splitgym.agents.validation import Point, read_points, write_points
from splitgym.baselines.dpp_model import Prices, TaskModel
from splitgym.evaluation.store_file import Table, _checked
from splitgym.fronts import Front
from splitgym.named_files import named_file
from splitgym.placement.graph_topology import load_topology
from splitgym.placement.instance import load_instance
from splitgym.placement.tiers import load_tiers
from splitgym.profiles import load_profile
from splitgym.strict import Strict
from splitgym.suites import load_suite
from splitgym.toml import dump_toml
from splitgym.traces.arrivals import check_instants, read_instants
from splitgym.worlds.hardware.profile import load_hardware
from splitgym.worlds.presets import UnusedKeyWarning
from splitgym.worlds.world import WORLDS
from tests.placement.test_graph_files import FILES as GRAPHS

LIMIT_S = 10  # of one file
_SOME = 100  # files of a format before the next one's turn
MOST_MESSAGE = 500
MOST_KIB = 2**20  # that the process may grow by at one file

#: What is put into files: words of the formats and of those beside them, and numbers at the ends of their kinds.
FRAGMENTS = [
    b"0,052", b";", b",", b"\t", b"\n", b"\r", b"\r\n\r\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe4", b"\xff" * 9,
    b'"', b"'", b'"""', b"#", b"=", b"[", b"]", b"{", b"}", b"[[", b"]]", b"[" * 3000, b"{" * 3000, b'{"a":' * 3000,
    b"nan", b"NaN", b"inf", b"-Infinity", b"1e400", b"-1e400", b"1e-400", b"-0.0", b"9" * 5000, b"0x" + b"f" * 9000,
    b"1_000", b"1.234,5", b"true", b"null", b"None", b"1979-05-27", b"a.b.c = 1\n", b"[a]\n[a]\n", b"base = 1\n",
    b"arrival_s", b"ARRIVAL_S ", b"name", b"__import__('os')", b"PK\x03\x04", b"\x93NUMPY", b"=1+1", b"\xe2\x80\xae",
    b"\xd9\xa1\xd9\xa2", b"\x1b[31m", b"../../../evil", b"x" * 9600, b"dnn = 3\n", b"fading = 'x'\n", b'"format": 1,',
]  # fmt: skip
#: What stands in for a value: other types, other sizes.
VALUES = [
    b"0", b"-1", b"1e308", b"-1e308", b"5e-324", b"1e400", b"nan", b"inf", b"true", b"null", b'"x"', b"[]", b"{}",
    b"[[1]]", b"2.5", b"9" * 400, b"9" * 5000, b"0,052", b"1 000", b"'", b"1e", b"0b1", b"1979-05-27T07:32:00Z",
]  # fmt: skip
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"]


class HangError(BaseException):
    """A reader did not come back."""


@dataclasses.dataclass
class Counts:
    """What became of the files of a format; ``faults`` says what, and how to see it again."""

    read: int = 0
    refused: int = 0
    faults: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: of the file, with its suffix.
        seeds: contents that are right.
        read: reads a path and returns what is in it.
        binary: whether it is an archive.
        of_folder: whether it is read by the name of its folder.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    binary: bool = False
    of_folder: bool = False


# ------------------------------------------------------------------ files that are right
def arrivals_csv() -> list[bytes]:
    """Tables of instants in every form that is read."""
    return [
        b"arrival_s\n0.0\n0.052\n1\n2.5e0\n",
        b'name,arrival_s\n"a",0.1\nb,"0.2"\n\nc,3\n',
        b"\xef\xbb\xbfArrival_S ;x\r\n0,052;1\r\n0,104;2\r\n",
        b"# made by hand\nx\tarrival_s\n1\t0.5\n2\t1.5\n",
        "arrival_s,ort\n0.5,Z\u00fcrich\n".encode(),
    ]


def runs_csv() -> list[bytes]:
    """Tables of measured runs."""
    return [
        b"clock_mhz,accelerator,split,gpu,latency_ms,energy_edge_j,energy_cloud_j,accuracy\n"
        b"1500,off,0,true,100,0.5,60,0.6\n1000,std,1,false,220,1.0,30,0.62\n1500,off,2,false,900,3,0,0.65\n",
        b"# one knob\r\n"
        b"clock (GHz);split;latency_edge_s;latency_cloud_s;latency [ms];energy edge (mJ);energy_cloud_j\r\n"
        b"1,5;0;0,01;0,05;70;500;60\r\n1,5;1;0,9;0;900;3000;0\r\n",
    ]


def archives(arrays: dict[str, np.ndarray]) -> list[bytes]:
    """npz files of the arrays, stored and compressed, and some that claim or hold other things."""
    seeds = []
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, **arrays)  # pyright: ignore[reportArgumentType]
        seeds.append(stream.getvalue())
    last = next(reversed(arrays))
    odd: list[Any] = [
        np.zeros(3, object), np.array([None]), np.array(["a"]), np.ones(3, bool), np.ones(3, complex), np.array(1.0),
        np.zeros(0), np.full(3, np.nan), np.full(3, np.longdouble(1e300) ** 10), np.ones((3, 3, 3)), np.arange(3)[::-1],
        np.array([2**63], np.uint64), np.zeros(3, "M8[s]"), np.zeros(3, [("a", "f8")]), np.array([0.5, 1, 2], "f2"),
    ]  # fmt: skip
    for array in odd:
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=True, **{**arrays, last: array})
        seeds.append(stream.getvalue())
    seeds += [claiming(arrays, last, shape) for shape in ("(10**18,)", "(4000000000,)", "(-1,)", "(0, 9)", "()", "[3]")]
    return seeds


def claiming(arrays: dict[str, np.ndarray], name: str, shape: str) -> bytes:
    """An npz file in which one array has another shape in its header than it holds."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            content = member.getvalue()
            if key == name:
                shape = str(eval(shape)) if "**" in shape else shape
                head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
                content = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + b"\x00" * 24
            archive.writestr(f"{key}.npy", content)
    return stream.getvalue()


def trace_arrays(kind: Any) -> dict[str, np.ndarray]:
    """Arrays of a small trace of a world."""
    slots = {"fading", "noise"}
    grid = {"MultiUserTrace": (2, 3), "TransmissionTrace": (1,)}.get(kind.__name__, (3,))
    arrays = {"format": np.array(kind.FORMAT)}
    for name, limits in ((name, kind.ARRAYS[name].limits) for name in kind.ARRAYS):
        shape = grid[-1:] if kind.__name__ == "MultiUserTrace" and name == "edge_load" else grid
        if name in slots:
            shape = (4,) if kind.__name__ == "TransmissionTrace" else (*grid, 4)
        value = min(max(1.0 if name in ("present", "source", "dnn") else 0.5, limits.low), limits.high)
        arrays[name] = np.arange(3.0) if name == "arrival_s" else np.full(shape, value)
    kind(**{name: array for name, array in arrays.items() if name != "format"})  # it is right
    return arrays


def instances() -> list[dict[str, Any]]:
    """A small placement instance, by itself and as one of a file of cases."""
    node = {"tier": 0, "speed_ops_s": 1e9, "power_w": 1.0, "capacity_ops_s": 1e9, "memory_bits": 1e9}
    arc = {"from": "a", "to": "b", "rate_bit_s": 1e6, "tx_j_bit": 1e-9, "rx_j_bit": 1e-9, "capacity_bit_s": 1e6}
    config = {"active": [1], "fractions": [1.0], "accuracy": 0.9}
    dnn = {
        "input_bits": 1e3,
        "blocks": [{"ops": 1e6, "out_bits": 10.0}],
        "exits": [{"after_block": 1}],
        "exit_configs": [config],
    }
    app = {"id": "app", "dnn": "net", "source": "a", "rate_hz": 1.0, "latency_s": 1.0, "accuracy": 0.5}
    table = {
        "format": "fin-instance/1",
        "nodes": [{"id": "a", **node}, {"id": "b", **node, "tier": 1}],
        "arcs": [arc],
        "dnns": {"net": dnn},
        "apps": [app],
    }
    return [table, {"instance": table, "solution": {}}]


def fronts() -> list[bytes]:
    """A front with two entries."""
    numbers = {"latency_s": np.array([0.1, 0.2]), "energy_j": np.array([2.0, 1.0]), "accuracy": np.array([0.9, np.nan])}
    front = Front(
        env_id="HardwareSplit-v0", scenario="default", digest="0" * 64, axes=("clock_hz", "split"), search="random",
        objectives=("latency", "energy"), seed=0, budget=4, evaluated=4, decisions=np.ones((2, 2)), **numbers,
    )  # fmt: skip
    return [json.dumps(front.to_dict()).encode(), json.dumps(front.to_dict(), indent=1).encode()]


def scenarios(world: str) -> list[bytes]:
    """A whole preset, and one that inherits."""
    preset = WORLDS[world].load_scenario("default")
    own = b'base = "default"\nname = "mine"\n\n[device]\nmacs_per_cycle = 4.0\n'
    return [
        preset.to_toml().encode(),
        b'base = "default"\nname = "mine"\n' if world in ("hardware", "placement") else own,
    ]


def suites() -> list[bytes]:
    """A small suite."""
    case = [{"name": "one", "scenario": "default", "changes": {"requests.count": 3}}]
    seeds = {"validation": {"first": 0, "episodes": 2}, "test": {"first": 10, "episodes": 2}}
    table = {"name": "mine", "environment": "HardwareSplit-v0", "seeds": seeds}
    return [dump_toml({**table, "train": case, "validation": case, "test": case}).encode()]


@functools.cache
def config() -> TrainConfig:
    """The configuration of a training run."""
    return TrainConfig(env_id="HardwareSplit-v0", steps=10, net=(2,))


def written(name: str, write: Callable[[Path], Any]) -> list[bytes]:
    """The file of a name that ``write`` makes in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return [(Path(folder) / name).read_bytes()]


def plans() -> list[bytes]:
    """What a study of hyper-parameters tunes."""
    return [Plan(config(), ("learning_rate", "net"), 4, "median").to_json().encode()]


def points() -> list[bytes]:
    """The validation curve of a run."""
    curve = [Point(5, 1.5, 0.25), Point(10, 2.0, math.nan)]
    return written("validation.json", lambda folder: write_points(folder, config(), curve))


def fits() -> list[bytes]:
    """A fit of the policy ``dpp`` with two decisions."""
    shapes = {
        "centre": (1,), "spread": (1,), "weight_0": (2, 1), "bias_0": (2,), "weight_1": (3, 2), "bias_1": (3,),
        "embedded": (2, 3), "readout": (3, 3), "offset": (3,),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    tried = Prices(weight_j2=1e-3, time_price=0.5, waiting_price=0.0, returned=1.0, energy=0.9)
    model = TaskModel(
        env_id="SplitInference-v0", scenario="default", digest="0" * 64, code="1", seed=0, samples=9, weight_j2=1e-3,
        time_price=0.5, waiting_price=0.0, validation=(tried,),
        validation_seed=2**62, validation_episodes=2, axes=("cut", "power_w"), fields=("hint",),
        arrays={**arrays, "decisions": np.ones((2, 2))},
    )  # fmt: skip
    return [json.dumps(model.to_dict()).encode(), *written("fit.json", lambda folder: model.save(folder / "fit.json"))]


def agents() -> list[bytes]:
    """An exported agent, and its like with arrays and texts that are none of an agent's."""
    from safetensors.numpy import save

    observed, acted = config().spaces()
    outputs = int(np.sum(acted.nvec))  # pyright: ignore[reportAttributeAccessIssue]
    shapes = {"0.weight": (2, *observed.shape), "0.bias": (2,), "1.weight": (outputs, 2), "1.bias": (outputs,)}
    arrays = {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}
    document = {**config().document(), "format": FORMAT, "steps": 10, "stopped": None, "code": "1"}
    odd = [np.zeros(3, bool), np.zeros((0, 2), np.float32), np.full(outputs, np.inf, np.float32), np.arange(outputs)]
    told = {ENTRY: json.dumps(document, sort_keys=True)}
    return [
        save(arrays, metadata=told),
        *(save({**arrays, "1.bias": array}, metadata=told) for array in odd),
        save({**arrays, "2.weight": arrays["0.weight"]}, metadata=told),
        *(save(arrays, metadata={ENTRY: text}) for text in ("", "{}", "[" * 3000, "null", '{"format": 1}')),
        save(arrays),
    ]


def store_lines() -> list[bytes]:
    """A store's table."""
    lines = [
        _checked(["policy", "seed", "return"], "check:"),
        _checked(["random", "0", "1.5"]),
        _checked(["=1", "1", "2"]),
    ]
    return [b"".join(lines)]


# ------------------------------------------------------------------ readers
def instants_of(path: Path) -> Any:
    """Instants as a scenario takes them."""
    times_s = read_instants(named_file(path, "no such arrivals file"))
    return check_instants(times_s, np.size(times_s), str(path))


def runs_of(path: Path) -> Any:
    """The runs of a table of measured hardware; one that is read can be played."""
    scenario = WORLDS["hardware"].load_scenario("default", hardware=path)
    assert WORLDS["hardware"].lower(scenario).measured
    runs = scenario.hardware.runs
    return np.column_stack([runs.configurations, runs.latency_s, runs.edge_j, runs.cloud_j])


def tiers_of(path: Path) -> Any:
    """A tier table as a mapping names it."""
    return load_tiers(named_file(path, "no such tier table"))


def curve_of(folder: Path) -> Any:
    """The points of a validation; where there is one episode, there is no interval."""
    return [(point.steps, point.mean) for point in read_points(folder)]


def agent_of(path: Path) -> Any:
    """The weights of an exported agent."""
    network = load_exported(path, "mine").policy
    return network.layers


def table_of(path: Path) -> Any:
    """The rows of a store's table; lines that end in no line break were never finished."""
    rows = Table(path, ("policy", "seed"), ("return",)).rows()
    assert all(len(key) == 2 for key in rows)
    return None


def formats() -> list[Format]:
    """Every kind of file that is read."""
    as_json = lambda: [json.dumps(table, indent=1).encode() for table in instances()]  # noqa: E731
    as_toml = lambda: [dump_toml(table).encode() for table in instances()]  # noqa: E731
    return [
        Format("arrivals.csv", arrivals_csv, instants_of),
        Format("arrivals.npz", lambda: archives({"arrival_s": np.arange(3.0)}), instants_of, True),
        *(
            Format(f"{name}-trace.npz", functools.partial(_trace_seeds, name), WORLDS[name].trace_type.load, True)
            for name in WORLDS
        ),
        Format("instance.json", as_json, load_instance),
        Format("instance.toml", as_toml, load_instance),
        *(Format(name, lambda text=text: [text.encode()], load_topology) for name, text in GRAPHS.items()),
        Format("tiers.toml", lambda: [dump_toml(load_tiers().to_dict()).encode()], tiers_of),
        Format("front.json", fronts, Front.load),
        *(
            Format(f"{name}-scenario.toml", functools.partial(scenarios, name), WORLDS[name].load_scenario)
            for name in WORLDS
        ),
        Format("profile.toml", lambda: [dump_toml(load_profile("resnet50").to_dict()).encode()], load_profile),
        Format("hardware.toml", lambda: [dump_toml(load_hardware("vgg16").to_dict()).encode()], load_hardware),
        Format("runs.csv", runs_csv, runs_of),
        Format("suite.toml", suites, load_suite),
        Format("store.csv", store_lines, table_of),
        Format("fit.json", fits, TaskModel.load),
        *(
            Format(name, seeds, lambda path, read=read: read(path.parent), of_folder=True)
            for name, seeds, read in _IN_FOLDERS
        ),
        *([Format("agent.safetensors", agents, agent_of, True)] if importlib.util.find_spec("safetensors") else []),
    ]


_IN_FOLDERS: list[tuple[str, Callable[[], list[bytes]], Callable[[Path], Any]]] = [
    ("config.json", lambda: [config().to_json().encode()], load_config),
    ("seeds.json", lambda: written("seeds.json", lambda folder: write_seeds(folder, (3, 5))), read_seeds),
    ("study.json", plans, load_plan),
    ("validation.json", points, curve_of),
]


def _trace_seeds(world: str) -> list[bytes]:
    return archives(trace_arrays(WORLDS[world].trace_type))


# ------------------------------------------------------------------ mutations
def mutated(content: bytes, binary: bool, rng: np.random.Generator) -> bytes:
    """The content with one to three changes."""
    text = () if binary else (swap_value, swap_value, encode, line_ends, repeat_line)
    ways = (flip, truncate, insert, repeat, drop, *text)
    for _ in range(rng.integers(1, 4)):
        content = ways[rng.integers(len(ways))](content, rng)
    return recounted(content) if binary and rng.random() < 0.5 else content


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5) if changed else 0):
        changed[rng.integers(len(changed))] = rng.integers(256)
    return bytes(changed)


def truncate(content: bytes, rng: np.random.Generator) -> bytes:
    """The begin."""
    return content[: rng.integers(len(content) + 1)]


def insert(content: bytes, rng: np.random.Generator) -> bytes:
    """A fragment somewhere."""
    at = rng.integers(len(content) + 1)
    return content[:at] + FRAGMENTS[rng.integers(len(FRAGMENTS))] + content[at:]


def repeat(content: bytes, rng: np.random.Generator) -> bytes:
    """A part of it twice."""
    begin, end = np.sort(rng.integers(len(content) + 1, size=2))
    return content[:end] + content[begin:]


def drop(content: bytes, rng: np.random.Generator) -> bytes:
    """Without a part of it."""
    begin = rng.integers(len(content) + 1)
    return content[:begin] + content[begin + rng.integers(40) :]


def swap_value(content: bytes, rng: np.random.Generator) -> bytes:
    """Another value for a number or a word."""
    found = list(re.finditer(rb'-?[0-9][0-9.e+-]*|"[^"\n]*"|true|false', content))
    if not found:
        return content
    where = found[rng.integers(len(found))]
    return content[: where.start()] + VALUES[rng.integers(len(VALUES))] + content[where.end() :]


def encode(content: bytes, rng: np.random.Generator) -> bytes:
    """In another encoding."""
    return content.decode("utf-8", "replace").encode(ENCODINGS[rng.integers(len(ENCODINGS))], "replace")


def line_ends(content: bytes, rng: np.random.Generator) -> bytes:
    """With other line ends."""
    return content.replace(b"\n", (b"\r", b"\r\n", b"\n\n")[rng.integers(3)])


def repeat_line(content: bytes, rng: np.random.Generator) -> bytes:
    """One of its lines once more."""
    lines = content.splitlines(keepends=True)
    return content if not lines else b"".join([*lines, lines[rng.integers(len(lines))]])


def recounted(content: bytes) -> bytes:
    """A file whose checksums and lengths are those of what it holds, so that damage gets further.

    Of an archive's stored members the checksum, for NumPy; of an agent's file the length of its header, for JSON.
    """
    changed = bytearray(content)
    if content[8:9] == b"{":
        end = content.rfind(b"}") + 1
        return len(content[8:end]).to_bytes(8, "little") + content[8:]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                begin = info.header_offset + 30 + len(info.filename.encode()) + len(info.extra)
                data = content[begin : begin + info.compress_size]
                if info.compress_type == zipfile.ZIP_STORED and content[begin : begin + 6] == b"\x93NUMPY":
                    old, new = info.CRC.to_bytes(4, "little"), zlib.crc32(data).to_bytes(4, "little")
                    changed = bytearray(bytes(changed).replace(old, new))
    except Exception:  # no archive any more
        return content
    return bytes(changed)


# ------------------------------------------------------------------ what must hold
def is_finite(thing: Any) -> bool:
    """Whether every number in it is finite; NaN stands for what was not measured in a front's accuracy only."""
    if isinstance(thing, Strict):
        return all(is_finite(getattr(thing, field.name)) for field in dataclasses.fields(thing))  # pyright: ignore[reportArgumentType]
    if isinstance(thing, Front):
        return is_finite([thing.decisions, thing.latency_s, thing.energy_j])
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return all(is_finite(getattr(thing, field.name)) for field in dataclasses.fields(thing))
    if isinstance(thing, np.ndarray):
        return bool(np.isfinite(thing).all())
    if isinstance(thing, dict):
        return all(map(is_finite, thing.values()))
    if isinstance(thing, (list, tuple)):
        return all(map(is_finite, thing))
    return not isinstance(thing, float) or math.isfinite(thing)


def verdict(form: Format, path: Path) -> str:
    """``"read"``, ``"refused"``, or what is wrong with how a file was read."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(LIMIT_S)
    try:
        thing = form.read(path)
    except HangError:
        return f"not read within {LIMIT_S} s"
    except ValueError as error:
        told = str(error)
        short = len(told) < MOST_MESSAGE and "\n" not in told and "\r" not in told
        if not short or path.name not in told:
            return f"a message of {len(told)} characters that should be one short line with the file's name: {told}"
        result = "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    else:
        result = "read" if is_finite(thing) else f"read, but not all is finite: {thing}"
    finally:
        signal.alarm(0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return result if grown < MOST_KIB else f"took {grown} KiB"


def run_files(count: int, seed: int, progress: Callable[[int], None] | None = None) -> Counter[str]:
    """Read ``count`` mutated files of every format; the same ones for the same seed.

    Returns how many were read and refused, and calls ``progress`` with the number of files of each format that are
    done.  Raises ``AssertionError`` that tells the first faults.
    """
    results = read_files(count, seed, progress)
    faults = [fault for counts in results.values() for fault in counts.faults]
    assert not faults, f"{len(faults)} faults of files: {'; '.join(faults[:3])}"
    total: Counter[str] = Counter()
    for counts in results.values():
        total.update({"files read": counts.read, "files refused": counts.refused})
    return total


def read_files(count: int, seed: int, progress: Callable[[int], None] | None = None) -> dict[str, Counts]:
    """Format -> what became of its files; see :func:`run_files`."""
    known = formats()
    results = {form.name: Counts() for form in known}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UnusedKeyWarning)
        warnings.filterwarnings("ignore", ".* is unusual")  # a value that is told is read as meant
        before = signal.signal(signal.SIGALRM, _hang)
        try:
            draws = [(form, np.random.default_rng([seed, place])) for place, form in enumerate(known)]
            for begin in range(0, count, _SOME):
                for form, rng in draws:
                    some = range(begin, min(begin + _SOME, count))
                    _read_some(form, Path(folder) / form.name, some, rng, results[form.name])
                if progress is not None:
                    progress(min(begin + _SOME, count))
        finally:
            signal.signal(signal.SIGALRM, before)
    return results


def _read_some(form: Format, path: Path, some: range, rng: np.random.Generator, counts: Counts) -> None:
    seeds = form.seeds()
    for k in some:
        content = seeds[k] if k < len(seeds) else mutated(seeds[rng.integers(len(seeds))], form.binary, rng)
        path.write_bytes(content)
        told = verdict(form, path)
        if told in ("read", "refused"):
            counts.read += told == "read"
            counts.refused += told == "refused"
        else:
            counts.faults.append(f"{form.name}, file {k}: {told[:600]} (it begins with {content[:200]!r})")


def _hang(*_: Any) -> None:
    raise HangError
