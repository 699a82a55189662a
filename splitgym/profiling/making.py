"""``splitgym.profile``: a network of one's own as a :class:`~splitgym.profiles.dnn.DnnProfile`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from splitgym.checks import items, switch, table, whole_number
from splitgym.extras import need
from splitgym.names import check_label, check_name
from splitgym.profiles.dnn import DnnProfile
from splitgym.profiling import modelled
from splitgym.profiling.graph import Captured
from splitgym.profiling.modelled import Numbers, numbers_of
from splitgym.profiling.parts import Data
from splitgym.profiling.structure import Structure, structure_of
from splitgym.quoting import shown
from splitgym.ranges import SCORE, SHARE, STEEPNESS
from splitgym.reading import has_suffix


def profile(
    model: Any,
    example_input: Any = None,
    *,
    name: str | None = None,
    cuts: Sequence[str] | None = None,
    depth: int | None = None,
    exits: Sequence[str] | None = None,
    accuracy: float | None = None,
    chance: float | None = None,
    steepness: Numbers | None = None,
    shares: Numbers | None = None,
    sequential: bool = False,
    source: Mapping[str, str] | None = None,
    data: Data | None = None,
    calibration: Data | None = None,
    importance: str = "taylor",
    fill: str = "mean",
    curve: str = "auto",
) -> DnnProfile:
    """The profile of a network: cut points from its graph, multiply-adds and shapes counted, accuracies as given.

    A cut point is a place where one tensor separates what was from what comes: inside a residual block there is none.
    Of several with no multiply-add between them (convolution, batch norm, activation, pooling), the smallest stands
    for all.  One multiply-add of a convolution or a matrix product, attention's too, is one; all else counts nothing.

    Args:
        model: a ``torch.nn.Module``, which is profiled in eval mode and left as it was; or the path of an ONNX file.
        example_input: one input tensor, (b, ...), or its shape; for an ONNX file only where the file leaves it open.
        name: of the profile; without it, that of the model's class.
        cuts: cut behind these modules only.
        depth: cut only where a module ends that is at most so deep: 1 for "layer1", 2 for "layer1.0".
        exits: which outputs are early exits, by the name under which the model returns them or of the module that
            makes them; without it, all but the deepest.
        accuracy: top-1 accuracy of the whole network.
        chance: accuracy of guessing; without it, one of as many classes as the answer has numbers.
        steepness: of the progressive curve at the cuts before the last; what is not given is modelled.
        shares: of the samples that the whole network gets right, those that each exit answers; likewise.
        sequential: take the children of the model one after the other as its blocks, where nothing else captures it.
        source: where given numbers come from, such as ``{"accuracy_full": "published: the model's page"}``.
        data: labelled batches on which accuracies, curves and exits are measured, in place of the numbers above, such
            as a ``torch.utils.data.DataLoader``; see :func:`splitgym.profiling.measured.measure`.
        calibration, importance, fill: of the measurement, likewise.
        curve: "auto", the exponential where it fits to 3 points and else the measured table, loudly; "exponential" or
            "table".

    Raises ``ValueError`` for a model that cannot be captured, naming the module and the way round, and for a name that
    is not there, naming the nearest; ``DependencyNotInstalled`` without the extra ``profile``.
    """
    options = {"cuts": cuts, "depth": depth, "exits": exits, "sequential": sequential}
    numbers = {"accuracy": accuracy, "chance": chance, "steepness": steepness, "shares": shares}
    check_options(name=name, source=source, **options, **numbers)
    if data is not None:
        check_unmeasured(**numbers)
        if is_onnx(model):
            raise ValueError(
                "data is sent through the network, and an ONNX file is only counted; give the torch module"
            )
    graph = captured(model, example_input, sequential=sequential, batched=data is not None)
    structure = structure_of(graph, cuts=cuts, depth=depth, exits=exits)
    found = profile_of(structure, name=name, source=source, **numbers)
    if data is None:
        return found
    from splitgym.profiling.combining import with_measured
    from splitgym.profiling.measuring import measure_structure

    ways = {"calibration": calibration, "importance": importance, "fill": fill}
    return with_measured(found, measure_structure(structure, data, **ways), way=curve)


def check_unmeasured(**numbers: Any) -> None:
    """Raise ``ValueError`` for numbers that are measured where there is data."""
    given = [name for name, value in numbers.items() if value is not None]
    if given:
        raise ValueError(f"{', '.join(given)}: measured on data, so leave it out, or leave out the data")


def check_options(
    *,
    name: Any = None,
    cuts: Any = None,
    depth: Any = None,
    exits: Any = None,
    accuracy: Any = None,
    chance: Any = None,
    steepness: Any = None,
    shares: Any = None,
    sequential: Any = False,
    source: Any = None,
) -> None:
    """Raise ``ValueError`` for options of :func:`profile` that no model could make right, before any work."""
    if name is not None:
        check_name("name", name)
    for what, given in (("cuts", cuts), ("exits", exits)):
        for one in [] if given is None else items(what, given, "names of modules or outputs"):
            check_label(what, one)
    if depth is not None:
        whole_number("depth", depth, 1, 100)
    for what, limits, given in (
        ("accuracy", SCORE, accuracy),
        ("chance", SCORE, chance),
        ("steepness", STEEPNESS, steepness),
        ("shares", SHARE, shares),
    ):
        for one in numbers_of(what, given):
            limits.check(what, one)
    switch("sequential", sequential)
    for key, text in table("source", source).items():
        check_label(f"source.{key}", text)


def captured(model: Any, example_input: Any = None, *, sequential: bool = False, batched: bool = False) -> Captured:
    """The graph of a model, however it is given; see :func:`profile`."""
    if is_onnx(model):
        from splitgym.profiling.onnx_graph import capture_onnx

        if sequential or batched:
            raise ValueError("an ONNX file is captured as it is, without sequential or batched")
        sizes = getattr(example_input, "shape", example_input)
        return capture_onnx(model, None if sizes is None else tuple(sizes))
    from splitgym.profiling.children import capture_children
    from splitgym.profiling.torch_graph import capture_module

    torch = need("torch", "profile")
    if not isinstance(model, torch.nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, or the path of an .onnx file, got {shown(model)}")
    example = example_of(example_input)
    return capture_children(model, example) if sequential else capture_module(model, example, batched=batched)


def is_onnx(model: Any) -> bool:
    """Whether a model is the path of an ONNX file."""
    return isinstance(model, (str, Path)) and has_suffix(model, ".onnx")


def example_of(example_input: Any) -> Any:
    """A tensor as it is; for a shape, random numbers of that shape.  Raises ``ValueError`` for anything else."""
    torch = need("torch", "profile")
    if isinstance(example_input, torch.Tensor) and example_input.dim() > 0 and example_input.numel() > 0:
        return example_input
    sizes = list(example_input) if isinstance(example_input, (tuple, list)) else []
    if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ValueError(f"example_input must be a tensor (b, ...) or its shape, got {shown(example_input)}")
    return torch.randn(sizes, generator=torch.Generator().manual_seed(0))


def profile_of(
    structure: Structure,
    *,
    name: str | None = None,
    accuracy: float | None = None,
    chance: float | None = None,
    steepness: Numbers | None = None,
    shares: Numbers | None = None,
    source: Mapping[str, str] | None = None,
) -> DnnProfile:
    """The profile of a structure; the arguments are those of :func:`profile`."""
    given = {
        "accuracy_full": accuracy,
        "accuracy_chance": chance,
        "blocks.steepness": steepness,
        "exits.share": shares,
    }
    counted = f"measured: counted by splitgym.profile on the graph of {structure.captured.by}"
    plain = counted.replace(" counted", "", 1)
    missing = ", ".join(f"{op} ({count})" for op, count in structure.captured.uncounted.items())
    words = {
        "input_shape": "measured: the example input",
        "blocks.macs": counted + (f"; NOT counted: {missing}" if missing else ""),
        "blocks.shape": plain,
        "blocks.parameters": plain,
        "exits.macs": counted,
        **{key: modelled.GIVEN if value is not None else modelled.WORDS[key] for key, value in given.items()},
    }
    steep = [*modelled.steepness(structure, steepness), 0.0]
    rows = [
        {"name": cut.name, "macs": cut.macs, "shape": cut.shape, "steepness": k, "parameters": cut.parameters}
        for cut, k in zip(structure.cuts, steep, strict=True)
    ]
    leaves = [
        {"after": head.after, "macs": head.macs, "share": share, "parameters": head.parameters}
        for head, share in zip(structure.heads, modelled.shares(structure, shares), strict=True)
    ]
    unused = set() if leaves else {"exits.macs", "exits.share"}
    return DnnProfile(
        name=name or _plain(structure.captured.name),
        description=f"{structure.captured.name}, profiled by splitgym.profile",
        input_shape=structure.captured.input.shape or (),
        accuracy_full=modelled.ACCURACY if accuracy is None else accuracy,
        accuracy_chance=modelled.chance(structure) if chance is None else chance,
        blocks=rows,  # pyright: ignore[reportArgumentType]  (tables become blocks)
        exits=leaves,  # pyright: ignore[reportArgumentType]
        source={**{key: text for key, text in words.items() if key not in unused}, **(source or {})},
    )


def _plain(name: str) -> str:
    """A name for a profile from that of a class or file: ``MyNet`` -> "my_net"."""
    stem = Path(name).stem
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()).strip("_") or "model"
