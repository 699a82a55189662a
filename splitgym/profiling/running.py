"""Running any part of a captured PyTorch graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from splitgym.extras import need


def batch_size(size: Any, batch: int) -> int:
    """A size of a captured tensor, or a number made of such sizes, for a batch of ``batch``."""
    if isinstance(size, int):
        return size
    expression = size.node.expr
    return int(expression.subs(dict.fromkeys(expression.free_symbols, batch)))


class Runner:
    """``run(tensors, wanted)`` of a graph module: tensors of the wanted nodes, from those of others.

    Args:
        module: a ``torch.fx.GraphModule`` whose nodes know their values (``meta["val"]``), and change nothing in place.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._nodes = {node.name: node for node in module.graph.nodes}
        self._order = {node: place for place, node in enumerate(module.graph.nodes)}

    def __call__(self, tensors: Mapping[str, Any], wanted: Sequence[str]) -> list[Any]:
        """Tensors of the wanted nodes; raises ``ValueError`` if they need more than is given."""
        known = {self._nodes[name]: tensor for name, tensor in tensors.items()}
        ends = [self._nodes[name] for name in wanted]
        batch = max(map(_batch_of, known, known.values()), default=1)
        for node in self._needed(ends, known):
            known[node] = self._value(node, known, batch)
        return [known[node] for node in ends]

    def _needed(self, ends: Sequence[Any], known: Mapping[Any, Any]) -> list[Any]:
        found, waiting = set[Any](), list(ends)
        while waiting:
            node = waiting.pop()
            if node not in known and node not in found:
                found.add(node)
                waiting += [] if _is_size(node) else node.all_input_nodes
        return sorted(found, key=self._order.__getitem__)

    def _value(self, node: Any, known: Mapping[Any, Any], batch: int) -> Any:
        if _is_size(node):
            return batch_size(node.meta["val"], batch)
        if node.op == "get_attr":
            found: Any = self._module
            for part in node.target.split("."):
                found = getattr(found, part)
            return found
        if node.op == "placeholder":
            raise ValueError(f"the tensor of the input {node.name!r} is needed, or of the steps that stand for it")
        args, kwargs = need("torch.fx", "profile").node.map_arg((node.args, node.kwargs), known.__getitem__)
        return node.target(*args, **kwargs)


def _is_size(node: Any) -> bool:
    """Whether a node is a number made of sizes."""
    return isinstance(node.meta.get("val"), int) or hasattr(node.meta.get("val"), "node")


def _batch_of(node: Any, tensor: Any) -> int:
    """How many samples a tensor in the place of a node holds."""
    value = node.meta["val"]
    for size, given in zip(value.shape, tensor.shape, strict=True):
        if not isinstance(size, int):
            return int(given) // batch_size(size, 1)
    return 1
