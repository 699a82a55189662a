"""The graph of an ONNX file, with shapes inferred by onnx."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from splitgym.checks import file_path
from splitgym.extras import need
from splitgym.profiling.graph import Captured, Step
from splitgym.profiling.onnx_counting import macs_of
from splitgym.quoting import listed, shown


def capture_onnx(path: str | Path, sizes: Sequence[int] | None = None) -> Captured:
    """The graph of an ONNX file, for one sample.

    Args:
        path: the file.
        sizes: of its input, (1, ...), where the file leaves them open.

    Raises ``ValueError`` for a file that is none, for more than one input, and for sizes that are open or other ones.
    """
    onnx, file = need("onnx", "profile"), file_path("model", path)
    if not file.is_file():
        raise ValueError(f"no such ONNX file: {shown(str(path))}")
    try:
        model = onnx.load(str(file), load_external_data=False)
        start = _fix_input(model, file, sizes)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except ValueError:
        raise
    except Exception as error:  # protobuf and onnx have errors of their own
        raise ValueError(f"{shown(str(path))} is no ONNX file that can be read: {str(error)[:200]}") from error
    shapes = _shapes(model.graph)
    weights = {tensor.name: math.prod(tensor.dims) for tensor in model.graph.initializer}
    live = _live(model.graph, start.name)
    steps = [Step(name=start.name, op="input", shape=_sample(shapes[start.name]))]
    for node in live:
        steps += _steps(node, live, shapes, weights, {step.name for step in steps})
    ends = {output.name: output.name for output in model.graph.output if output.name in {s.name for s in steps}}
    if not ends:
        raise ValueError(f"{shown(str(path))}: no output depends on the input {start.name!r}")
    return Captured(
        name=file.name,
        by=f"onnx {onnx.__version__}",
        steps=tuple(steps),
        outputs=ends,
        run=_no_run,
    )


def _fix_input(model: Any, file: Path, sizes: Sequence[int] | None) -> Any:
    """The one input of a graph, with its sizes written down."""
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    if len(inputs) != 1:
        names = listed([value.name for value in inputs])
        raise ValueError(f"{shown(str(file))} takes {len(inputs)} tensors ({names}); a profile has one input")
    (start,) = inputs
    found = start.type.tensor_type.shape.dim
    if sizes is not None and len(sizes) != len(found):
        raise ValueError(f"{shown(str(file))}: the input {start.name!r} has {len(found)} sizes, got {len(sizes)}")
    for place, dim in enumerate(found):
        wanted = 1 if place == 0 else dim.dim_value or (sizes[place] if sizes is not None else 0)
        if sizes is not None and place and dim.dim_value and dim.dim_value != sizes[place]:
            raise ValueError(
                f"{shown(str(file))}: size {place} of the input {start.name!r} is {dim.dim_value}, got {sizes[place]}"
            )
        if not wanted:
            raise ValueError(f"{shown(str(file))} leaves size {place} of its input open; give it: --input 1x3x224x224")
        dim.Clear()
        dim.dim_value = wanted
    return start


def _shapes(graph: Any) -> dict[str, tuple[int, ...] | None]:
    """Name -> sizes of every tensor; ``None`` where one is open."""
    found = dict[str, tuple[int, ...] | None]()
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        sizes = tuple(dim.dim_value for dim in kind.shape.dim)
        found[value.name] = sizes if kind.HasField("shape") and all(sizes) else None
    for tensor in graph.initializer:
        found[tensor.name] = tuple(tensor.dims)
    return found


def _sample(sizes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return sizes[1:] if sizes and len(sizes) > 1 and sizes[0] == 1 else sizes


def _live(graph: Any, start: str) -> list[Any]:
    """Nodes in order that depend on the input by more than its sizes, and on which an output depends."""
    data, found = {start}, []
    for node in graph.node:
        if node.op_type != "Shape" and data & set(node.input):
            data |= set(node.output)
            found.append(node)
    wanted = {output.name for output in graph.output}
    kept = []
    for node in reversed(found):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _scopes(node: Any) -> list[tuple[bool, str]]:
    """Modules in which a node runs, outermost first, and whether each only holds others in a row.

    PyTorch writes them before the operator: "/layer1/layer1.0/conv1/Conv" is Conv in layer1.0.conv1, held by layer1.
    """
    *modules, _ = node.name.strip("/").split("/")
    found, base = list[tuple[bool, str]](), ""
    for module, child in itertools.zip_longest(modules, modules[1:], fillvalue=""):
        holder = child.startswith(f"{module}.")
        found.append((holder, f"{base}{module}"))
        base = base if holder else f"{base}{module}."
    return found


def _steps(
    node: Any, live: list[Any], shapes: Mapping[str, Any], weights: dict[str, int], known: set[str]
) -> list[Step]:
    """One step for each output of a node; the first one has the work and the weights."""
    macs, uncounted = macs_of(node, shapes)
    names = [name for name in node.output if name]
    parameters = sum(weights.pop(name, 0) for name in node.input)
    scopes = _scopes(node)
    inside = scopes[-1][1] if scopes else ""
    reads = tuple(name for name in node.input if name in known)
    around = {path for other in live if names[0] in other.input for _, path in _scopes(other)}
    ends = sorted(((holder, path) for holder, path in scopes if path not in around), key=lambda scope: scope[0])
    first = Step(
        name=names[0],
        op=node.op_type,
        module=inside,
        ends=tuple(path for _, path in ends),
        reads=reads,
        shape=_sample(shapes.get(names[0])),
        macs=macs,
        parameters=parameters,
        uncounted=(node.op_type,) if uncounted else (),
    )
    rest = [
        Step(name=name, op=node.op_type, module=inside, reads=reads, shape=_sample(shapes.get(name)))
        for name in names[1:]
    ]
    return [first, *rest]


def _no_run(tensors: Mapping[str, Any], wanted: Sequence[str]) -> list[Any]:
    raise ValueError("a network out of an ONNX file is counted, not run; to measure or time it, give the PyTorch model")
