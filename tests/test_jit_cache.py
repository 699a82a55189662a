"""Machine code is never stale: what may be jitted, where it is kept, and that an edit anywhere is seen."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import numba
import numpy as np
import pytest

from splitgym import jit
from splitgym.physics.random import fill_normal_pairs
from splitgym.worlds.world import WORLDS
from tests.helpers import (
    CASES,
    ENCODED,
    ROOT,
    assert_one_signature,
    native,
    rollout,
    run_python,
    sampled,
    short,
    single,
    vector_rollout,
)

SOURCES = sorted({p.resolve() for part in ("splitgym", "baselines", "agents") for p in (ROOT / part).rglob("*.py")})
JITTED = jit.jitted_files()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def uses_jit(path: Path) -> bool:
    """Whether a file decorates with, or calls, a function named ``jit``, or imports Numba."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numba":
            return True
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "numba" for alias in node.names):
            return True
        if isinstance(node, ast.FunctionDef) and any(_name(d) == "jit" for d in node.decorator_list):
            return True
        if isinstance(node, ast.Call) and _name(node.func) == "jit":
            return True
    return False


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "jax":
        return ""  # another library's compiler, of a peer
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


# ------------------------------------------------------------------ what the digest covers
def test_every_jitted_file_is_covered():
    users = [path for path in SOURCES if uses_jit(path)]
    assert len(users) > 8
    strangers = [str(p) for p in users if p not in JITTED and not _only_reads_numba(p)]
    assert strangers == []


def _only_reads_numba(path: Path) -> bool:
    """A file may look at Numba (its version, its settings) as long as it compiles nothing."""
    names = {_name(n) for n in ast.walk(tree_of(path)) if isinstance(n, (ast.Call, ast.Attribute, ast.Name))}
    return not names & {"jit", "njit", "vectorize", "guvectorize", "cfunc", "jitclass", "stencil"}


def test_jitted_files_import_only_jitted_files():
    """A constant from elsewhere would be compiled in, and its edit would not be noticed."""
    for path in JITTED:
        for node in ast.walk(tree_of(path)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in (n for n in names if n and n.split(".")[0] in ("splitgym", "tests", "baselines", "agents")):
                file = ROOT.joinpath(*name.split(".")).with_suffix(".py").resolve()
                assert file in JITTED, f"{path.name} imports {name}, which the cache digest does not cover"


def test_jitting_elsewhere_in_the_package_is_refused(monkeypatch):
    monkeypatch.setattr(jit, "_PACKAGE", ROOT / "tests")
    with pytest.raises(RuntimeError, match=r"<lambda> is jitted in .*test_jit_cache\.py.*move it to one of jit\.py, "):
        jit.jit(lambda x: x)


FOREIGN = """
import sys
sys.path.insert(0, sys.argv[1])
from splitgym_example_kernel import doubled
from splitgym.jit import cache_folder
print(doubled(1.0), [p for p in cache_folder().rglob("*") if "splitgym_example" in str(p)])
"""


def test_code_of_somebody_elses_file_is_compiled_and_never_stored(tmp_path):
    """Nobody knows here which files it depends on: an edit of any is seen, since nothing old is kept."""
    for factor in (2.0, 3.0):
        (tmp_path / "splitgym_example_constants.py").write_text(f"FACTOR = {factor}\n")
        (tmp_path / "splitgym_example_kernel.py").write_text(
            "from splitgym.jit import jit\nfrom splitgym_example_constants import FACTOR\n"
            "from splitgym.physics.radio import rate_bit_s\n\n@jit\ndef doubled(x):\n"
            "    return FACTOR * x + 0.0 * rate_bit_s(0.1, 1e-12, 5e6, 4e-21)\n"
        )
        out = run_python(FOREIGN, str(tmp_path))
        assert out == f"{factor} []\n"
    assert list(tmp_path.rglob("*.nb?")) == []


def test_compiled_code_is_strict_and_releases_the_lock():
    from splitgym.physics import radio
    from splitgym.worlds.inference import kernel

    for function in (kernel.turn_rows, kernel.serve, radio.rate_bit_s):
        assert not function.targetoptions.get("fastmath")
        assert function.targetoptions["nogil"]


def test_an_entry_is_the_machine_code_that_a_call_finds():
    """The same code for the same types, another one for others, and a plain function as it is."""
    numbers, pairs = np.arange(3, dtype=np.uint64), np.zeros((2, 3))
    found = jit.entry(fill_normal_pairs, (np.uint64(5), 0, pairs))
    again = jit.entry(fill_normal_pairs, (np.uint64(6), 1, np.ones((2, 7))))
    if not numba.config.DISABLE_JIT:  # pyright: ignore[reportAttributeAccessIssue]
        assert found is again is not fill_normal_pairs
        assert jit.entry(fill_normal_pairs, (np.uint64(5), 0, np.zeros((3, 2)).T)) is not found
    expected = np.zeros((2, 3))
    fill_normal_pairs(numbers[2], 4, expected)
    found(numbers[2], 4, pairs)
    assert np.array_equal(pairs, expected)
    assert expected.any()
    assert jit.entry(len, (numbers,)) is len


def test_numba_settings_are_left_alone(tmp_path):
    """Other packages' caches stay where the user put them."""
    code = "import numba; before = numba.config.CACHE_DIR; import splitgym; print(numba.config.CACHE_DIR == before)"
    assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path)).strip() == "True"


# ------------------------------------------------------------------ an edit of a callee is seen
# `slot_bit` of the uplink calls `rate_bit_s` of another file
TINY = """
import json
import numpy as np
from splitgym.jit import cache_folder
from splitgym.physics.uplink import slot_bit
from splitgym.worlds.inference import load_scenario
from splitgym.worlds.inference.lowering import lower
bits = slot_bit(0.1, 1e-12, 5e6, lower(load_scenario("enachi")))
stats = slot_bit.stats
print(json.dumps([bits, len(stats.cache_hits), len(stats.cache_misses), str(cache_folder())]))
"""
EDIT = """

@jit
def rate_bit_s(power_w, gain, bandwidth_hz, noise_w_hz):
    return 42e3
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the package, with a cache of its own."""
    skip = shutil.ignore_patterns("__pycache__", "agents")
    shutil.copytree(ROOT / "splitgym", tmp_path / "tree" / "splitgym", ignore=skip, symlinks=False)
    if not (tmp_path / "tree" / "splitgym" / "baselines").is_dir():
        shutil.copytree(ROOT / "baselines", tmp_path / "tree" / "splitgym" / "baselines", ignore=skip)
    return tmp_path / "tree"


def tiny(tree):
    """(bits, cache hits, cache misses, cache folder) of a fresh process over a copy of the package."""
    return json.loads(run_python(TINY, root=tree, NUMBA_CACHE_DIR=str(tree.parent / "cache")))


def test_an_edited_callee_is_never_stale(copy):
    first, hits, misses, folder = tiny(copy)
    assert (hits, misses) == (0, 1)
    assert Path(folder).parent == copy.parent / "cache" / "splitgym"
    assert tiny(copy) == [first, 1, 0, folder]  # the second process compiles nothing
    source = copy / "splitgym" / "physics" / "radio.py"
    original = source.read_text(encoding="utf-8")
    source.write_text(original + EDIT, encoding="utf-8")
    edited, hits, _, other = tiny(copy)
    assert edited == 42.0  # 42 kbit/s for a slot of a millisecond
    assert first != 42.0
    assert hits == 0
    assert other != folder
    source.write_text(original, encoding="utf-8")
    assert tiny(copy) == [first, 1, 0, folder]  # and back: the old code is still there, and right


def test_another_installation_of_the_same_code_compiles_nothing(copy):
    """The place of a package decides nothing: a new environment finds what another one has compiled."""
    first, hits, misses, folder = tiny(copy)
    assert (hits, misses) == (0, 1)
    moved = copy.rename(copy.with_name("elsewhere"))
    assert tiny(moved) == [first, 1, 0, folder]


VERSIONS = """
from importlib import metadata
from splitgym import jit
names, version = {jit.cache_folder().name}, metadata.version
for changed in ("numba", "llvmlite", "numpy"):
    metadata.version = lambda name: "0.0" if name == changed else version(name)
    names.add(f"jit-{jit._decisive_digest()}")
metadata.version = version
print(len(names), f"jit-{jit._decisive_digest()}" == jit.cache_folder().name)
"""


def test_other_compilers_and_settings_keep_their_code_apart(tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert run_python(VERSIONS, **cache).split() == ["4", "True"]
    folder = "from splitgym.jit import cache_folder; print(cache_folder())"
    settings = [{}, {"NUMBA_OPT": "0"}, {"NUMBA_BOUNDSCHECK": "1"}, {"NUMBA_SLP_VECTORIZE": "1"}]
    assert len({run_python(folder, **cache, **setting) for setting in settings}) == len(settings)


DIGESTS = """
from splitgym.jit import jitted_files, sources_digest
digests = {sources_digest()}
for path in jitted_files():
    path.write_text(path.read_text(encoding="utf-8") + "# another comment\\n", encoding="utf-8")
    digests.add(sources_digest())
print(len(digests), len(jitted_files()))
"""


def test_digest_sees_every_jitted_file(copy):
    count = len(JITTED)
    assert run_python(DIGESTS, root=copy, NUMBA_CACHE_DIR=str(copy.parent / "cache")).split() == [
        f"{count + 1}",
        f"{count}",
    ]


# ------------------------------------------------------------------ one compilation
def test_the_loop_is_compiled_once():
    """Single and batch, every encoding and preset, replayed traces, threads, slot logs: one and the same code."""
    for world, action in ENCODED:
        env = single(world, short(world, "default"), action)
        rollout(env, sampled(env.action_space, 30, 0))
        envs = native(3, world, short(world, "default"), action, num_threads=2)
        vector_rollout(envs, sampled(envs.action_space, 30, 0))
        envs.close()
    for world, preset in CASES:
        scenario = short(world, preset)
        env = single(world, scenario, render_mode="ansi")
        env.reset(options={"trace": WORLDS[world].draw_trace(scenario, np.uint64(1))})
        env.step(sampled(env.action_space, 1, 0)[0])
    if numba.config.DISABLE_JIT:
        pytest.skip("Numba is switched off by NUMBA_DISABLE_JIT")
    assert_one_signature()
