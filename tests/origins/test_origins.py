"""What a policy or a plug-in decides by: every change of it is seen, wherever it is, and nothing else is."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import os
import re
import subprocess
import sys
import textwrap
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitgym import evaluate, fading, load_scenario, register_policy
from splitgym.evaluation.policies import contender
from splitgym.evaluation.store import Store
from splitgym.named_files import keep_files
from splitgym.origins import origin
from splitgym.policy import POLICIES, load_baselines
from splitgym.traces.arrivals import ARRIVALS
from splitgym.traces.fading import FADING
from splitgym.worlds.world import WORLDS
from tests.helpers import SHORT
from tests.origins.origin_cases import CASES

load_baselines()


def made(text: str, name: str = "__main__") -> Any:
    """What the code defines, as an interpreter would: there is no file."""
    names: dict[str, Any] = {"__name__": name}
    exec(text, names)
    return names["thing"]


def version(case: str, number: int) -> str:
    return CASES[case].replace("@@", "\0").replace("@", str(number)).replace("\0", "@")


@pytest.mark.parametrize("case", CASES)
def test_what_decides_is_seen(case: str) -> None:
    one, again, other = (origin(made(version(case, number))) for number in (1, 1, 2))
    assert one.doubt == again.doubt == other.doubt == ""
    assert one == again
    assert one != other


@pytest.mark.parametrize(
    "texts",
    [
        [f"def thing({p}):\n    return 0" for p in ("a, b", "a, *, b", "a, /, b", "a, *b", "a, **b")],
        [
            "def thing(x):\n    try: a = x(); b = x()\n    except ValueError: return 0\n    return a, b",
            "def thing(x):\n    a = x()\n    try: b = x()\n    except ValueError: return 0\n    return a, b",
        ],
    ],
    ids=["parameters", "range of a try"],
)
def test_code_of_the_same_instructions(texts: list[str]) -> None:
    """What tells these apart stands beside the instructions."""
    assert len({made(text).__code__.co_code for text in texts}) == 1
    assert len({origin(made(text)).text for text in texts}) == len(texts)


def test_the_order_in_which_attributes_were_set_decides_nothing() -> None:
    texts = [
        "class F:\n    pass\nf = F()\n"
        + "".join(f"f.{name} = {name!r}\n" for name in names)
        + "def thing(x):\n    return f\n"
        + "".join(f"thing.{name} = {name!r}\n" for name in names)
        for names in (("a", "b"), ("b", "a"))
    ]
    assert origin(made(texts[0])) == origin(made(texts[1]))


def test_origins_are_the_same_in_every_process(tmp_path: Path) -> None:
    """Whatever the seed of Python's hashes, and whether run as a script, from standard input or imported."""
    lines = [f"VERSIONS = {[version(case, 1) for case in CASES]!r}", textwrap.dedent("""
        from splitgym.origins import origin
        for text in VERSIONS:
            names = {"__name__": "__main__"}
            exec(text, names)
            print(origin(names["thing"]).text)
        held = (i for i in range(3))
        print(origin(lambda: held).text)
    """)]  # fmt: skip
    script = "\n".join(lines)
    runs = [
        subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    (*first, unknown), (*second, other) = (run.splitlines() for run in runs)
    assert first == second
    assert len(set(first)) == len(CASES)
    assert unknown != other  # what cannot be known again is never the same


def test_words_that_decide_nothing() -> None:
    """Comments, places and documentation of a class; annotations."""
    plain = made("class thing:\n    def f(self, x):\n        return x")
    told = made(
        "# why\n\nclass thing:\n    'About.'\n    size: int\n"
        "    def f(self, x: int) -> int:\n        # so\n        return x"
    )
    assert origin(plain) == origin(told)


# ------------------------------------------------------------------ modules
@pytest.fixture
def project(tmp_path: Path, monkeypatch):
    """A package of one's own: ``mine`` imports ``helper``, which imports ``deep``; ``lazy`` only in a function."""
    folder = tmp_path / "research"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "mine.py").write_text(
        "from research import helper\nfrom . import other as o\n\ndef thing(x):\n    from research.lazy import k\n"
        "    return helper.gain(x) + k + getattr(o, 'f' + 'g')(x)\n"
    )
    (folder / "helper.py").write_text("import research.deep as d\nSTEP = 1\ndef gain(x):\n    return d.k + STEP\n")
    (folder / "other.py").write_text("def fg(x):\n    return 1\n")
    (folder / "deep.py").write_text("k = 1\n")
    (folder / "lazy.py").write_text("k = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def fresh() -> Any:
        for name in [name for name in sys.modules if name.partition(".")[0] == "research"]:
            del sys.modules[name]
        return importlib.import_module(f"{folder.name}.mine").thing

    yield folder, fresh
    for name in [name for name in sys.modules if name.partition(".")[0] == "research"]:
        del sys.modules[name]


def test_files_whose_paths_stand_in_the_code_count(project) -> None:
    folder, fresh = project
    (folder / "table.csv").write_text("1")
    (folder / "helper.py").write_text(
        "from pathlib import Path\ndef gain(x):\n    return open(x + 'table.csv').read()\n"
    )
    first = origin(fresh())
    assert origin(fresh()) == first
    (folder / "table.csv").write_text("2")
    assert origin(fresh()) != first


def test_every_file_that_a_path_may_mean_counts(project, tmp_path: Path, monkeypatch) -> None:
    """The code may open the one beside it or that in the current folder; an ending is not needed."""
    folder, fresh = project
    (folder / "helper.py").write_text(
        "from pathlib import Path\nP = Path('table')\ndef gain(x):\n    return P.open()\n"
    )
    monkeypatch.chdir(tmp_path)
    seen = [origin(fresh())]
    for file in (folder / "table", tmp_path / "table"):
        for content in "12":
            file.write_text(content)
            seen.append(origin(fresh()))
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    "body",
    [
        "import importlib; return importlib.import_module('research.late').k",
        "import importlib; return importlib.import_module('.late', __package__).k",
        "import importlib; return importlib.import_module('research.' + x).k",
        "import importlib; return importlib.import_module(f'research.{x}').k",
        "return __import__('research.late').late.k",
        "import runpy; return runpy.run_module('research.late')",
        "import runpy; return runpy.run_path('late.py')",
        "return exec(open('late.py').read())",
    ],
)
@pytest.mark.parametrize("name", ["mine", "helper"])
def test_modules_that_a_text_names_count(body: str, name: str, project) -> None:
    """In the code itself, and in a module that it uses; which is not imported for that."""
    folder, fresh = project
    with (folder / f"{name}.py").open("a") as file:
        file.write(f"\ndef {'thing' if name == 'mine' else 'gain'}(x):\n    {body}\n")
    (folder / "late.py").write_text("k = 1\n")
    first = origin(fresh())
    assert first.doubt == ""
    assert origin(fresh()) == first
    assert "research.late" not in sys.modules
    (folder / "late.py").write_text("k = 2\n")
    assert origin(fresh()) != first


def test_a_module_whose_name_is_not_in_the_code_is_told() -> None:
    thing = made("import importlib\ndef thing(x):\n    return importlib.import_module(x)")
    assert "imports a module whose name does not stand in its code" in origin(thing).doubt


def test_a_compiled_module_counts(project) -> None:
    folder, fresh = project
    with (folder / "helper.py").open("a") as file:
        file.write("\ndef late():\n    import research.compiled\n")
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (folder / f"compiled{suffix}").write_bytes(b"\x7f1")
    first = origin(fresh())
    (folder / f"compiled{suffix}").write_bytes(b"\x7f2")
    assert origin(fresh()) != first


def test_a_value_that_is_looked_up_by_a_text_counts(project) -> None:
    folder, fresh = project
    (folder / "mine.py").write_text("from research import deep\ndef thing(x):\n    return getattr(deep, 'k')\n")
    thing = fresh()
    first = origin(thing)
    sys.modules["research.deep"].k = 2  # type: ignore[attr-defined]
    assert origin(thing) != first


@pytest.mark.parametrize("way", ["policy", "base", "used"])
def test_methods_put_into_installed_classes_count(way: str, monkeypatch) -> None:
    """Of a shipped policy, of the class that one's own inherits from, and of one that it calls."""
    from splitgym.baselines.enachi import Enachi
    from splitgym.policy import Policy

    thing = {"policy": Enachi, "base": type("Mine", (Policy,), {"__module__": "__main__"}), "used": lambda: Policy}[way]
    patched = Enachi if way == "policy" else Policy
    seen = [origin(thing)]
    for k in (1, 2):
        monkeypatch.setattr(patched, "decide", made(f"def thing(self, views, decisions):\n    decisions[:] = {k}"))
        seen.append(origin(thing))
    assert len(set(seen)) == 3


@pytest.mark.parametrize("name", ["mine", "helper", "other", "deep", "lazy", "__init__"])
def test_modules_that_are_imported_count(name: str, project) -> None:
    folder, fresh = project
    first = origin(fresh())
    assert origin(fresh()) == first
    with (folder / f"{name}.py").open("a") as file:
        file.write("\nMORE = 2\n")
    assert origin(fresh()) != first


def test_old_code_in_memory_is_not_taken_for_the_new_file(project) -> None:
    folder, fresh = project
    thing = fresh()
    first = origin(thing)
    (folder / "helper.py").write_text((folder / "helper.py").read_text().replace("d.k + STEP", "d.k - STEP"))
    assert len({first, origin(thing), origin(fresh())}) == 3


def test_a_value_set_at_run_time_counts(project) -> None:
    _, fresh = project
    thing = fresh()
    first = origin(thing)
    sys.modules["research.helper"].STEP = 2  # pyright: ignore[reportAttributeAccessIssue]
    assert origin(thing) != first


@pytest.mark.parametrize("used", ["numpy", "numpy.sin", "numpy.tile", "numpy.ndarray"])
def test_what_is_installed_counts_by_its_version(used: str, monkeypatch) -> None:
    """A module, what reduces to its name, a function, a class."""
    thing = made(f"import numpy\nused = {used}\ndef thing(x):\n    return used")
    first = origin(thing)
    assert first.doubt == ""
    monkeypatch.setattr(np, "__version__", "other")
    assert origin(thing) != first


def test_policies_of_the_package_count_by_its_version() -> None:
    texts = {origin(POLICIES[name]).text for name in POLICIES if POLICIES[name].__module__.startswith("splitgym.")}
    assert len(texts) >= 20


# ------------------------------------------------------------------ doubts
@pytest.mark.parametrize(
    "held",
    [
        lambda: sys.stdout,
        lambda: (i for i in range(3)),
        lambda: sys._getframe(),
        lambda: memoryview(b"1"),
        lambda: np.frompyfunc(lambda x: x, 1, 1),  # its copies are made of its name
        lambda: np.frompyfunc(lambda x, y: x, 2, 1).reduce,
    ],
)
def test_what_cannot_be_known_again_is_told(held, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = types.ModuleType("odd")  # as some libraries are: it raises what no search for a name expects
    monkeypatch.setattr(odd, "__getattr__", lambda name: exec("raise ImportError(name)"), raising=False)
    monkeypatch.setitem(sys.modules, "odd", odd)
    names: dict[str, Any] = {"__name__": "__main__", "held": held()}
    exec("def thing(x):\n    return held", names)
    found = origin(names["thing"])
    assert re.search("cannot be known again|tells nothing but this name", found.doubt)
    assert found != origin(names["thing"])  # never the same: nothing is taken for something else


def test_locks_decide_nothing() -> None:
    names: dict[str, Any] = {"__name__": "__main__", "held": [threading.Lock(), threading.RLock()]}
    exec("def thing(x):\n    return held", names)
    assert origin(names["thing"]).doubt == ""


def test_an_identity_stands_for_the_rest() -> None:
    texts = ("class thing:\n    identity = 'v@'\n    k = @", "def thing(x):\n    return @\nthing.identity = 'v1'")
    assert origin(made(texts[0].replace("@", "1"))) != origin(made(texts[0].replace("@", "2")))
    assert origin(made(texts[1].replace("@", "1"))) == origin(made(texts[1].replace("@", "2")))
    inherits = "class Base:\n    identity = 'v1'\nclass thing(Base):\n    k = @"
    assert origin(made(inherits.replace("@", "1"))) != origin(made(inherits.replace("@", "2")))


# ------------------------------------------------------------------ stores
POLICY = """
from pathlib import Path
import numpy as np
from splitgym.policy import Policy
CUT = @
class thing(Policy):
    name, action = "mine", "multidiscrete"
    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        return np.tile([CUT, CUT, 3, 0], (len(observation), 1)), state
"""


def register(thing: Any) -> None:
    """Register a policy as ``mine``, instead of the one before."""
    POLICIES._table.pop("mine", None)
    register_policy(thing, name="mine")


def energy(store: Path | None, **more: Any) -> list[float]:
    return (
        evaluate("mine", episodes=2, changes=SHORT["inference"], store=store, **more).figure("mine", "energy").tolist()
    )


def test_a_policy_of_an_interpreter_is_known_by_its_code(tmp_path: Path) -> None:
    figures = []
    for cut in (6, 1, 6):
        register(made(POLICY.replace("@", str(cut))))
        figures.append(energy(tmp_path))
        assert figures[-1] == energy(None)
    assert figures[0] == figures[2] != figures[1]


@pytest.mark.parametrize("kind", ["lambda", "partial", "closure"])
def test_factories_are_known_by_what_they_hold(kind: str, tmp_path: Path) -> None:
    def factory(cut: int) -> Any:
        cls = made(POLICY.replace("CUT = @", "").replace("CUT", "self.cut"))
        make = {"lambda": lambda env: _with(cls(env), cut), "partial": functools.partial(_made, cls, cut)}
        return make.get(kind) or _closure(cls, cut)

    figures = []
    for cut in (6, 1):
        made_by = factory(cut)
        if kind == "partial":
            made_by = functools.partial(_made, cls=made_by.args[0], cut=cut)
        setattr(made_by, "action", "multidiscrete")  # noqa: B010 (of a partial, too)
        register(made_by)
        figures.append(energy(tmp_path))
        assert figures[-1] == energy(None)
    assert figures[0] != figures[1]


def _with(policy: Any, cut: int) -> Any:
    policy.cut = cut
    return policy


def _made(env: Any, cls: Any = None, cut: int = 0) -> Any:
    return _with(cls(env), cut)


def _closure(cls: Any, cut: int) -> Any:
    def make(env: Any) -> Any:
        return _with(cls(env), cut)

    return make


def test_a_store_says_why_it_cannot_keep_a_policy(tmp_path: Path) -> None:
    text = POLICY.replace("@", "(i for i in range(3))")
    register(made(text))
    with pytest.raises(ValueError, match=r"policy 'mine' cannot be known again by a store: .*generator.*'identity'"):
        energy(tmp_path)
    assert not list(tmp_path.glob("*.csv"))


def test_files_that_a_policy_names_count(tmp_path: Path) -> None:
    text = POLICY.replace("CUT = @", "").replace("CUT", "self.cut")
    text += "    def __init__(self, env, *, table='', seed=0):\n        super().__init__(env, seed=seed)\n"
    text += "        self.cut = int(Path(table).read_text())\n"
    register(made(text))
    file = tmp_path / "table.txt"
    figures = []
    for cut in ("6", "1"):
        file.write_text(cut)
        spec = f"mine:table={file}"
        done = evaluate(spec, episodes=2, changes=SHORT["inference"], store=tmp_path / "store")
        figures.append(done.figure(spec, "energy").tolist())
    assert figures[0] != figures[1]
    changed = contender(spec)
    file.write_text("6")
    from tests.helpers import native

    with pytest.raises(ValueError, match="has changed or is gone"):
        changed.make(native(1, "inference", "default"))


@pytest.mark.parametrize("spec", ["mine:table=words", "mine:table=['words']", "dynasplit:front=words"])
def test_files_whose_names_are_plain_words_count(spec: str, tmp_path: Path, monkeypatch) -> None:
    """Such a word stays what it is, since it may mean something else."""
    register(
        made(POLICY.replace("@", "1") + "    def __init__(self, env, *, table=()):\n        super().__init__(env)\n")
    )
    monkeypatch.chdir(tmp_path)
    world = "hardware" if spec.startswith("dynasplit") else "inference"
    seen = [contender(spec, world).identity]
    for content in "12":
        Path("words").write_text(content)
        seen.append(contender(spec, world).identity)
        assert contender(spec, world).kept_spec == spec
    assert "" not in seen
    assert len(set(seen)) == 3


def test_a_folder_whose_name_is_a_plain_word_is_not_followed(tmp_path: Path, monkeypatch) -> None:
    register(
        made(POLICY.replace("@", "1") + "    def __init__(self, env, *, table=()):\n        super().__init__(env)\n")
    )
    monkeypatch.chdir(tmp_path)
    Path("random").mkdir()
    assert "names the folder 'random'" in contender("mine:table=random").doubt
    assert contender("dynasplit:search=random", "hardware").identity  # a policy of the package means the search


def test_files_whose_names_are_plain_words_count_for_plug_ins(tmp_path: Path, monkeypatch) -> None:
    @fading("worded")
    def worded(rng, n_slots, slot_s, *, mode: str = "fast"):
        return np.full(n_slots, 1.0)

    monkeypatch.chdir(tmp_path)
    changes = {"fading.model": "worded", "fading.parameters.mode": "words"}
    seen = [load_scenario("default", **changes).digest()]
    for content in "12":
        Path("words").write_text(content)
        seen.append(load_scenario("default", **changes).digest())
    assert len(set(seen)) == 3
    Path("words").unlink()
    assert load_scenario("default", **changes).digest() == seen[0]
    Path("words").mkdir()
    assert "names the folder 'words'" in load_scenario("default", **changes).doubt


@pytest.mark.parametrize("words", ["['{}']", "{{a = '{}'}}", "[1, ['x', '{}']]"])
def test_files_in_lists_and_tables_of_parameters_count(words: str, tmp_path: Path, monkeypatch) -> None:
    register(made(POLICY.replace("@", "1") + "    def __init__(self, env, *, t=()):\n        super().__init__(env)\n"))
    monkeypatch.chdir(tmp_path)
    seen = []
    for content in "12":
        Path("t.txt").write_text(content)
        seen.append(contender(f"mine:t={words.format('t.txt')}"))
        assert [file.content for file in seen[-1].files] == [content.encode()]
        keep_files(seen[-1].files, tmp_path)
        assert contender(seen[-1].kept_spec).identity == seen[-1].identity
    assert seen[0].identity != seen[1].identity


def test_a_folder_that_is_named_is_not_followed(tmp_path: Path) -> None:
    text = (
        POLICY.replace("@", "1") + "    def __init__(self, env, *, tables='', seed=0):\n        super().__init__(env)\n"
    )
    register(made(text))
    spec = f"mine:tables={tmp_path}"
    assert evaluate(spec, episodes=1, changes=SHORT["inference"]).policies == [spec]
    with pytest.raises(ValueError, match=r"names the folder .* name the files in it"):
        evaluate(spec, episodes=1, changes=SHORT["inference"], store=tmp_path / "store")


def test_a_search_of_ones_own_counts() -> None:
    from splitgym.baselines.search import SEARCHES

    found = []
    for number in ("1", "2"):
        SEARCHES._table.pop("mine", None)
        SEARCHES.add("mine", made(f"def thing(problem, budget, seed, storage, progress):\n    return {number}"))
        found.append(contender("dynasplit:search=mine", "hardware").identity)
    assert found[0] != found[1]


# ------------------------------------------------------------------ plug-in models
@pytest.mark.parametrize("registry", [FADING, ARRIVALS], ids=["fading", "arrivals"])
def test_plug_in_models_count_with_their_code(registry, monkeypatch) -> None:
    from splitgym.traces.plugins import Model

    section = {id(FADING): "fading", id(ARRIVALS): "arrivals"}[id(registry)]
    worlds = [w for w in WORLDS if section in WORLDS[w].load_scenario("default").PROCESSES]
    waiting = {"hardware": {"requests.queueing": True}}  # without it nothing reads arrivals
    digests = set()
    for number in ("1.0", "2.0"):
        function = made(f"def thing(rng, n, *more):\n    return {number}")
        monkeypatch.setitem(registry._table, "mine", Model("mine", function, False))
        for w in worlds:
            digests.add(
                WORLDS[w].load_scenario("default", **{f"{section}.model": "mine", **waiting.get(w, {})}).digest()
            )
    assert len(digests) == 2 * len(worlds)


def test_files_that_a_plug_in_names_count(tmp_path: Path) -> None:
    @fading("filed")
    def filed(rng, n_slots, slot_s, *, file: str = "", mode: str = "fast"):
        return np.full(n_slots, float(Path(file).read_text()))

    (tmp_path / "gain.txt").write_text("1.0")
    changes = {**SHORT["inference"], "fading.model": "filed", "fading.parameters.file": str(tmp_path / "gain.txt")}
    scenario = load_scenario("default", **changes)
    store = tmp_path / "store"
    first = evaluate("edge", scenario=scenario, episodes=2, store=store).figure("edge", "return")
    (tmp_path / "gain.txt").write_text("0.001")
    assert load_scenario("default", **changes).digest() != scenario.digest()
    with pytest.raises(ValueError, match=r"gain\.txt has changed or is gone"):
        evaluate("edge", scenario=scenario, episodes=3, store=store)
    other = evaluate("edge", episodes=2, changes=changes, store=store).figure("edge", "return")
    assert (first != other).any()
    (tmp_path / "gain.txt").unlink()
    assert [len(r.seeds("edge")) for r in Store(store).results()] == [2, 2]  # what is needed was kept beside it


def test_a_plug_in_that_cannot_be_known_is_played_but_not_kept(tmp_path: Path) -> None:
    held = (i for i in range(3))
    fading("doubtful")(lambda rng, n_slots, slot_s: np.ones(n_slots) if held else None)
    changes = {**SHORT["inference"], "fading.model": "doubtful"}
    assert evaluate("edge", episodes=1, changes=changes).policies == ["edge"]
    with pytest.raises(ValueError, match=r"cannot keep scenario 'default': model 'doubtful' cannot .*'identity'"):
        evaluate("edge", episodes=1, changes=changes, store=tmp_path)
