"""A captured network: its operations in order, the tensors between them, and a function that runs any part of it.

This is all that cut points, counts, exits and measured accuracies are made of, whether PyTorch or ONNX captured it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One operation and the tensor it gives.

    Args:
        name: its name in the graph, different from all others.
        op: what it does ("conv2d").
        module: the innermost module that ran it ("layer1.0.conv1"); empty: the network itself.
        ends: modules whose result this is, the best name first ("layer1.0").
        reads: the steps whose tensors it reads, weights left out.
        shape: its tensor for one sample, without the batch; ``None``: several tensors, or none.
        macs: multiply-adds for one sample.
        parameters: weights that no step before it has read.
        uncounted: operators inside whose multiply-adds nobody has counted.
    """

    name: str
    op: str
    module: str = ""
    ends: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    shape: tuple[int, ...] | None
    macs: int = 0
    parameters: int = 0
    uncounted: tuple[str, ...] = ()

    @property
    def elements(self) -> int:
        """Numbers in its tensor."""
        return math.prod(self.shape or ())

    @property
    def label(self) -> str:
        """What people call its result: the module whose result it is, or the module around it and the operation."""
        return self.ends[0] if self.ends else f"{self.module}.{self.op}".lstrip(".")


#: ``run({"conv1": tensor}, ["layer1", "fc"])``: tensors of some steps from those of others, (b, ...) with any b.
Run = Callable[[Mapping[str, Any], Sequence[str]], list[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captured:
    """The graph of a network in eval mode.

    Args:
        name: the class of the model, or the name of the file.
        by: what captured it, with its version.
        steps: in order of execution; the first one is the input.
        outputs: steps that the network returns, by the names under which it does.
        run: gives the tensors of steps (their names) from tensors of others; what is not needed does not run.
            Gradients flow through it where PyTorch captured the network.
        batched: whether ``run`` takes a batch of any size; else it takes that of the example.
        notes: what a reader should know of the counts.
    """

    name: str
    by: str
    steps: tuple[Step, ...]
    outputs: Mapping[str, str]
    run: Run
    batched: bool = False
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Step:
        """The step of that name."""
        return self._by_name[name]

    @property
    def input(self) -> Step:
        """The step that stands for the input."""
        return self.steps[0]

    @property
    def macs(self) -> int:
        """Multiply-adds of everything that the outputs need."""
        return sum(step.macs for step in self.steps)

    def cost(self, names: Iterable[str]) -> tuple[int, int]:
        """Multiply-adds and weights of some steps together."""
        steps = [self[name] for name in names]
        return sum(step.macs for step in steps), sum(step.parameters for step in steps)

    @property
    def uncounted(self) -> Counter[str]:
        """Operators whose multiply-adds are missing in the counts, with how often they run."""
        return Counter(op for step in self.steps for op in step.uncounted)

    @functools.cached_property
    def _by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    def flow(self) -> nx.DiGraph:
        """Who reads whose tensor: an edge from every step to those that read it."""
        import networkx as nx  # takes a third of a second, and most commands need none

        graph = nx.DiGraph()
        graph.add_nodes_from(step.name for step in self.steps)
        graph.add_edges_from((read, step.name) for step in self.steps for read in step.reads)
        return graph

    def behind(self, ends: Iterable[str]) -> set[str]:
        """Names of the steps that these ends need, with themselves."""
        import networkx as nx

        graph = self.flow()
        return {name for end in ends for name in (end, *nx.ancestors(graph, end))}


def separators(captured: Captured, end: str) -> list[str]:
    """Steps whose tensor alone separates what was from what comes, from the input to ``end``, both included.

    Every path of data from the input to ``end`` leads through each of them: they are the dominators of ``end``.
    What is made of weights alone is no data.  Raises ``ValueError`` if ``end`` does not depend on the input.
    """
    import networkx as nx

    graph, source = captured.flow(), captured.input.name
    if not nx.has_path(graph, source, end):
        raise ValueError(f"{captured.name}: the output {end!r} does not depend on the input")
    above = nx.immediate_dominators(graph, source)
    chain = [end]
    while chain[-1] != source:
        chain.append(above[chain[-1]])
    return [name for name in reversed(chain) if captured[name].shape is not None]
