"""ONNX files: counts and cuts by hand, the same as PyTorch's of the same network, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import splitgym
from splitgym.cli import main
from splitgym.profiling import captured, profile_of, structure_of

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra profile")
torch = pytest.importorskip("torch", reason="needs the extra profile")


def node(op: str, reads: list[str], writes: list[str], name: str = "", **attributes: Any) -> Any:
    return onnx.helper.make_node(op, reads, writes, name=name or writes[0], **attributes)


def weight(name: str, *sizes: int) -> Any:
    return onnx.numpy_helper.from_array(np.zeros(sizes, np.float32), name)


def written(path: Path, nodes: list[Any], weights: list[Any], outputs: dict[str, Any], sizes: Any) -> Path:
    """A file of a graph with the input "x"."""
    made = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes, "net", [made("x", kind, sizes)], [made(n, kind, s) for n, s in outputs.items()], weights
    )
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("mine", 1)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


def residual(path: Path, odd: str = "Relu", sizes: Any = (1, 3, 8, 8)) -> Path:
    """A convolution, a residual block with ``odd`` inside, and a classifier of 5 classes."""
    domain = {"domain": "mine"} if odd == "Odd" else {}
    nodes = [
        node("Conv", ["x", "w0"], ["stem"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Conv", ["stem", "w1"], ["inner"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node(odd, ["inner"], ["odd"], **domain),
        node("Add", ["stem", "odd"], ["sum"]),
        node("GlobalAveragePool", ["sum"], ["pool"]),
        node("Flatten", ["pool"], ["flat"]),
        node("Gemm", ["flat", "w2"], ["y"], transB=1),
    ]
    return written(
        path, nodes, [weight("w0", 4, 3, 3, 3), weight("w1", 4, 4, 3, 3), weight("w2", 5, 4)], {"y": (1, 5)}, sizes
    )


def test_counts_and_cuts_by_hand(tmp_path: Path) -> None:
    profile = splitgym.profile(residual(tmp_path / "net.onnx"))
    assert [(b.macs, b.shape) for b in profile.blocks] == [
        (4 * 64 * 27, (4, 8, 8)),
        (4 * 64 * 36, (4, 1, 1)),  # the block, whose sum is larger than its mean
        (20, (5,)),
    ]
    assert profile.input_shape == (3, 8, 8)
    assert profile.accuracy_chance == pytest.approx(0.2)
    assert "onnx" in profile.source["blocks.macs"]
    structure = structure_of(captured(tmp_path / "net.onnx"))
    assert [cut.parameters for cut in structure.cuts] == [4 * 27, 4 * 36, 20]


def test_an_unknown_operator_is_named_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = residual(tmp_path / "net.onnx", "Odd")
    assert captured(path).uncounted == {"Odd": 1, "Gemm": 1}  # nobody knows how many numbers reach the classifier
    assert "NOT counted: Odd (1)" in splitgym.profile(path).source["blocks.macs"]
    assert main(["profile", str(path), "--out", str(tmp_path / "mine.toml")]) == 0
    assert "NOT counted: Odd (1 in the graph)" in capsys.readouterr().out
    assert splitgym.load_profile(tmp_path / "mine.toml").blocks[0].macs == 4 * 64 * 27


def test_open_sizes_are_asked_for(tmp_path: Path) -> None:
    path = residual(tmp_path / "net.onnx", sizes=("batch", 3, "height", "width"))
    with pytest.raises(ValueError, match=r"leaves size 2 of its input open; give it: --input"):
        splitgym.profile(path)
    assert splitgym.profile(path, (1, 3, 16, 16)).blocks[0].macs == 4 * 256 * 27
    with pytest.raises(ValueError, match="size 1 of the input 'x' is 3, got 4"):
        splitgym.profile(path, (1, 4, 16, 16))
    with pytest.raises(ValueError, match="has 4 sizes, got 2"):
        splitgym.profile(path, (1, 3))


def test_what_is_no_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no such ONNX file"):
        splitgym.profile(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="is no ONNX file that can be read"):
        splitgym.profile(tmp_path / "text.onnx")
    path = residual(tmp_path / "net.onnx")
    with pytest.raises(ValueError, match="without sequential or batched"):
        splitgym.profile(path, sequential=True)
    assert main(["profile", str(path), "--measure"]) == 2
    assert "give the PyTorch model" in capsys.readouterr().err
    with pytest.raises(ValueError, match="is counted, not run"):
        structure_of(captured(path)).answers(np.zeros((1, 3, 8, 8), np.float32))


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    made, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node("Add", ["x", "z"], ["y"])], "net", [made(n, kind, (1, 3)) for n in "xz"], [made("y", kind, (1, 3))]
    )
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "two.onnx"))
    with pytest.raises(ValueError, match="takes 2 tensors"):
        splitgym.profile(tmp_path / "two.onnx")


class Net(torch.nn.Module):
    """Groups, a residual block, attention's products and an exit."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
        self.blocks = torch.nn.Sequential(*(torch.nn.Conv2d(8, 8, 3, 1, 1, groups=g) for g in (1, 8)))
        self.turn, self.early, self.head = torch.nn.Linear(8, 8), torch.nn.Linear(8, 7), torch.nn.Linear(8, 7)

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Scores of an exit and of the whole."""
        x = self.stem(x)
        early = self.early(x.mean((2, 3)))
        x = (x + self.blocks(x)).flatten(2).transpose(1, 2)
        x = torch.softmax(self.turn(x) @ x.transpose(1, 2), -1) @ x
        return early, self.head(x.mean(1))


def test_the_same_network_by_both_roads(tmp_path: Path) -> None:
    model = Net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(model, (torch.zeros(1, 3, 16, 16),), str(tmp_path / "net.onnx"), dynamo=False)
    found = splitgym.profile(tmp_path / "net.onnx")
    wanted = profile_of(structure_of(captured(model, (1, 3, 16, 16))))
    assert [(b.macs, b.shape) for b in found.blocks] == [(b.macs, b.shape) for b in wanted.blocks]
    assert [e.macs for e in found.exits] == [e.macs for e in wanted.exits] == [56]
    assert found.blocks[0].name == wanted.blocks[0].name == "stem.2"
    tokens = 64
    assert sum(b.macs for b in found.blocks) == (
        8 * 64 * 27 + 8 * 64 * 72 + 8 * 64 * 9 + tokens * 64 + 2 * tokens * tokens * 8 + 56
    )
