"""Nodes of a captured PyTorch graph as steps: what they read, whose result they are, what they cost."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from splitgym.extras import need
from splitgym.profiling.counting import count_macs
from splitgym.profiling.graph import Step
from splitgym.profiling.running import batch_size

#: Modules that only hold others: a tensor is better named after what they hold.
_HOLDERS = ("Sequential", "ModuleList", "ModuleDict")


def is_tensor(node: Any) -> bool:
    """Whether a node gives one tensor."""
    return hasattr(node.meta.get("val"), "shape")


def live_nodes(start: Any, outputs: Iterable[Any]) -> set[Any]:
    """Nodes that depend on the input by tensors, and on which an output depends; sizes of tensors are no data."""
    below, above = set[Any](), set[Any]()
    for found, begin, way in ((below, [start], "users"), (above, list(outputs), "all_input_nodes")):
        waiting = list(begin)
        while waiting:
            node = waiting.pop()
            if node not in found and node.op in ("placeholder", "call_function") and not _is_number(node):
                found.add(node)
                waiting += getattr(node, way)
    return (below & above) | {start}


def _is_number(node: Any) -> bool:
    return not isinstance(node.meta.get("val"), (list, tuple)) and not is_tensor(node)


def step_of(node: Any, live: set[Any], fresh: dict[str, int]) -> Step:
    """A node as a step; ``fresh`` are the weights that none has read yet, with their sizes, and loses what it reads."""
    shape = _shape(node.meta["val"]) if is_tensor(node) else None
    if node.op == "placeholder":
        return Step(name=node.name, op="input", shape=shape)
    args, kwargs = _on_meta((node.args, node.kwargs))
    macs, uncounted = (0, []) if node.target is operator.getitem else count_macs(node.target, args, kwargs)
    return Step(
        name=node.name,
        op=getattr(getattr(node.target, "overloadpacket", node.target), "__name__", str(node.target)),
        module=_scopes(node)[-1][1] if _scopes(node) else "",
        ends=_ends(node),
        reads=tuple(one.name for one in node.all_input_nodes if one in live),
        shape=shape,
        macs=macs,
        parameters=sum(fresh.pop(name, 0) for name in _weights(node, live)),
        uncounted=tuple(uncounted),
    )


def _weights(node: Any, live: set[Any]) -> list[str]:
    """Names of the weights that a node reads, also by way of what is made of weights alone, such as a class token."""
    found = list[str]()
    for one in node.all_input_nodes:
        if one.op == "get_attr":
            found.append(one.target)
        elif one not in live:
            found += _weights(one, live)
    return found


def _shape(value: Any) -> tuple[int, ...]:
    """Shape of a tensor for a batch of one, without the batch."""
    sizes = tuple(batch_size(size, 1) for size in value.shape)
    return sizes[1:] if sizes[:1] == (1,) and len(sizes) > 1 else sizes


def _on_meta(arguments: Any) -> Any:
    """Arguments of a node for a batch of one, with tensors that have no content."""
    torch, fx = need("torch", "profile"), need("torch.fx", "profile")

    def one(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(one, value))
        if hasattr(value, "shape"):
            return torch.empty([batch_size(size, 1) for size in value.shape], dtype=value.dtype, device="meta")
        return batch_size(value, 1) if isinstance(value, torch.SymInt) else value

    return fx.node.map_arg(arguments, lambda node: one(node.meta["val"]))


def _scopes(node: Any) -> list[tuple[str, str, str]]:
    """Calls of modules in which a node runs, outermost first: the call, the module's path and its class."""
    stack = node.meta.get("nn_module_stack") or {}
    return [(key, path, str(kind).rpartition(".")[2]) for key, (path, kind) in stack.items() if path]


def _ends(node: Any) -> tuple[str, ...]:
    """Modules whose result a node is: all that read it stand outside of them."""
    outside = []
    for call, path, kind in _scopes(node):
        if all(call not in {other for other, _, _ in _scopes(user)} for user in node.users):
            outside.append((kind in _HOLDERS, path))
    return tuple(path for _, path in sorted(outside, key=lambda entry: entry[0]))
