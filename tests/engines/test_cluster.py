"""A Ray cluster of two machines, one of which is lost: the figures of one process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from splitgym import evaluate, load_plugin
from splitgym.cli import main
from splitgym.engines import Task, engine
from splitgym.engines.luggage import packed_luggage, unpack
from tests.engines import works
from tests.engines.test_processes import figures, run, until

ray = pytest.importorskip("ray", reason="the extra ray is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a second machine, one core each, in this process's Ray."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, connect=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_lost_machine_changes_no_figure(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splitgym.evaluation.plans.BLOCK", 2)
    load_plugin(works.KILLER)
    names = ["random", "enachi", "killer"]
    given = {"episodes": 12, "bound": True, "changes": {"tasks.count": 40}}
    alone = evaluate(names, **given)
    kept, gone = tmp_path / "SplitInference-v0.csv", []

    def lose() -> None:
        until(lambda: kept.is_file() and len(kept.read_text().splitlines()) > 2)
        gone.extend(cluster.worker_nodes)
        cluster.remove_node(gone[0])

    thief = threading.Thread(target=lose)
    thief.start()
    beside = evaluate(names, **given, ray="auto", store=tmp_path)
    thief.join()
    assert gone
    assert figures(beside) == figures(alone)
    assert beside.bounds is not None
    assert beside.bounds.tolist() == alone.bounds.tolist()  # pyright: ignore[reportOptionalMemberAccess]
    assert ray.is_initialized()  # it is not ours to end


def test_errors_come_back(cluster: Any) -> None:
    with engine(ray="auto") as at_work:
        with pytest.raises(ValueError, match=r"^three is refused$"):
            run(at_work, [Task(works.refuse, (), "it", "", 0)])
        with pytest.raises(ChildProcessError, match=r"a bomb: the worker .* was killed 4 times \(WorkerCrashedError"):
            run(at_work, [Task(works.die, (), "a bomb", "", 0)])


def test_no_cluster_is_an_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refused(**_: Any) -> None:
        raise ConnectionError("nobody is there")

    monkeypatch.setattr(ray, "init", refused)
    assert main(["evaluate", "random", "--ray", "10.0.0.1:6379"]) == 2
    assert "no Ray cluster answers at '10.0.0.1:6379' (nobody is there)" in " ".join(capsys.readouterr().err.split())


# ------------------------------------------------------------------ another machine, without the files of this one
@pytest.mark.parametrize("folder", [False, True])
def test_plug_ins_travel_with_what_they_import(tmp_path: Path, folder: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    (here / "pack").mkdir(parents=True)
    text = "import splitgym\nfrom {} import GAIN\n@splitgym.fading('travels{}')\ndef f(rng, n, s): return GAIN"
    file = here / ("pack/__init__.py" if folder else "mine.py")
    file.write_text(text.format(".beside" if folder else "splitgym_test_beside", int(folder)), encoding="utf-8")
    (file.parent / ("beside.py" if folder else "splitgym_test_beside.py")).write_text("GAIN = 2.5", encoding="utf-8")
    script = (
        "import sys\nfrom pathlib import Path\nfrom splitgym import load_plugin\n"
        "from splitgym.engines.luggage import packed_luggage, unpack\nfrom splitgym.traces.fading import FADING\n"
        "given = Path(sys.argv[1])\n"
        "if sys.argv[3] == 'pack': load_plugin(given); Path(sys.argv[2]).write_bytes(packed_luggage(far=True))\n"
        "else:\n    unpack(Path(sys.argv[2]).read_bytes())\n"
        f"    found = FADING['travels{int(folder)}'].function\n    print(found(None, 1, 1.0), found.__module__)\n"
    )
    words = [str(file.parent if folder else file), str(tmp_path / "luggage")]
    works.python(script, *words, "pack")
    here.rename(tmp_path / "gone")
    gain, module = works.python(script, *words, "unpack").split()
    assert gain == "2.5"
    assert module.startswith("splitgym_plugin_")


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    luggage = packed_luggage(far=True)
    monkeypatch.setattr("splitgym.engines.luggage.code_version", lambda: "0.0+other")
    with pytest.raises(ValueError, match=r"splitgym is 0\.0\+other on .* where the command runs"):
        unpack(luggage)
