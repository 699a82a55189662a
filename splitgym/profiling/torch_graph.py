"""The graph of a PyTorch module, captured by ``torch.export``."""

from __future__ import annotations

import contextlib
import logging
import operator
from collections.abc import Iterator
from typing import Any

from splitgym.extras import need
from splitgym.profiling.graph import Captured
from splitgym.profiling.running import Runner
from splitgym.profiling.torch_steps import is_tensor, live_nodes, step_of
from splitgym.quoting import cut


def capture_module(model: Any, example: Any, *, batched: bool = False) -> Captured:
    """The graph of a module in eval mode; the module is left as it was.

    Args:
        model: a ``torch.nn.Module``.  Its weights may lie on the device "meta": then nothing runs, all is counted.
        example: one input tensor with a batch in front (b, ...).
        batched: let :attr:`Captured.run` take batches of any size, where the model can.

    Raises ``ValueError`` naming the module at which the capture ended, and the way round it.
    """
    with eval_mode(model):
        program, is_batched = _exported(model, example, batched)
        captured = _captured(type(model).__name__, program, is_batched)
        _compare(model, example if is_batched else example[:1], captured)
    return captured


@contextlib.contextmanager
def eval_mode(model: Any) -> Iterator[None]:
    """A module without dropout and with its running statistics, and without gradients; as it was afterwards."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with need("torch", "profile").no_grad():
            yield
    finally:
        for module, was in training.items():
            module.training = was


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch prints whole programs where a capture fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


# ------------------------------------------------------------------ the program
def _exported(model: Any, example: Any, batched: bool) -> tuple[Any, bool]:
    """The exported program, and whether its batch may have any size."""
    export = need("torch.export", "profile")
    with _quiet():
        if batched:
            twice = example if example.shape[0] > 1 else example.repeat(2, *[1] * (example.dim() - 1))
            with contextlib.suppress(Exception):  # whatever the model does with the size of its batch
                program = export.export(model, (twice,), dynamic_shapes=({0: export.Dim.AUTO},), strict=False)
                names = program.graph_signature.user_inputs
                batch = next(node.meta["val"].shape[0] for node in program.graph.nodes if node.name in names)
                if not isinstance(batch, int):
                    return program, True
        try:
            return export.export(model, (example[:1],), strict=False), False
        except Exception as error:  # a model's own code raises whatever it likes
            raise ValueError(_refusal(model, example[:1], error)) from error


def _refusal(model: Any, example: Any, error: Exception) -> str:
    """Which module could not be captured, why, and what to do."""
    try:
        model(example.clone())
    except Exception as own:  # with the example it does not even run
        why = cut(str(own).strip().partition("\n")[0] or type(own).__name__, 300)
        return f"{type(model).__name__} does not run on an input of shape {tuple(example.shape)}: {why}"
    place = _failing(model, example)
    kind = type(dict(model.named_modules())[place]).__name__
    where = f"its module {place!r} ({kind})" if place else "its own forward"
    why = cut(str(error).strip().partition("\n")[0] or type(error).__name__, 200)
    return (
        f"{type(model).__name__} cannot be captured: {where} does what torch.export does not follow, such as deciding "
        f"by the values of a tensor ({why}); profile a model without it, or take the children of the model one after "
        "the other as its blocks: sequential=True, --sequential"
    )


def _failing(model: Any, example: Any) -> str:
    """Path of the innermost module that runs when the capture ends."""
    inside: list[str] = []
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda _, __, name=name: inside.append(name)))
        handles.append(module.register_forward_hook(lambda *_: inside.pop() and None))
    try:
        with contextlib.suppress(Exception):
            need("torch.export", "profile").export(model, (example,), strict=False)
    finally:
        for handle in handles:
            handle.remove()
    return inside[-1] if inside else ""


def _functional(program: Any) -> Any:
    """The program as a graph module in which no operator changes a tensor in place."""
    module = program.module()
    return module if _freed(module.graph) else program.run_decompositions({}).module()


def _freed(graph: Any) -> bool:
    """Replace operators such as ``relu_`` by ``relu``; False where a view of the tensor would have to change too."""
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or schema is None or not schema.is_mutable:
            continue
        old, plain = node.args[0], _plain(node.target)
        if plain is None or old.op not in ("call_function", "placeholder"):
            return False
        if any(_is_view(one) for one in (old, *old.users) if order[one] < order[node]):
            return False
        old.replace_all_uses_with(node, delete_user_cb=lambda user, node=node: order[user] > order[node])
        node.target = plain
    return True


def _is_view(node: Any) -> bool:
    return node.target is operator.getitem or bool(getattr(node.target, "is_view", False))


def _plain(target: Any) -> Any:
    """The operator that gives what ``target`` leaves in its first argument; ``None`` if there is none."""
    ops = getattr(need("torch", "profile").ops, target.namespace)
    packet = getattr(ops, target.overloadpacket.__name__.removesuffix("_"), None)
    overload = getattr(packet, target._overloadname, None)
    return None if overload is None or overload._schema.is_mutable else overload


# ------------------------------------------------------------------ the record
def _captured(name: str, program: Any, batched: bool) -> Captured:
    module = _functional(program)
    inputs = [node for node in module.graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        raise ValueError(f"{name} takes {len(inputs)} tensors; a profile has one input, so wrap the model in one")
    outputs = _outputs(module.graph, program.call_spec.out_spec)
    if not outputs:
        raise ValueError(f"{name} returns no tensor")
    live = live_nodes(inputs[0], outputs.values())
    fresh = {key: weight.numel() for key, weight in module.named_parameters(remove_duplicate=False)}
    return Captured(
        name=name,
        by=f"torch.export of torch {need('torch', 'profile').__version__.partition('+')[0]}",
        steps=tuple(step_of(node, live, fresh) for node in module.graph.nodes if node in live),
        outputs={key: node.name for key, node in outputs.items() if node in live},
        run=Runner(module),
        batched=batched,
    )


def _outputs(graph: Any, out_spec: Any) -> dict[str, Any]:
    """What the module returns: the name in its list, tuple or dictionary -> node."""
    pytree = need("torch.utils._pytree", "profile")
    whole = pytree.tree_unflatten(list(range(out_spec.num_leaves)), out_spec)
    names = [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(whole)[0]]
    plain = [name.replace("][", ".").strip("[].").replace("'", "") or "output" for name in names]
    (end,) = (node for node in graph.nodes if node.op == "output")
    both = zip(plain, end.args[0], strict=True)
    return {name: node for name, node in both if hasattr(node, "meta") and is_tensor(node)}


def _compare(model: Any, example: Any, captured: Captured) -> None:
    """Raise ``ValueError`` unless the graph gives what the model gives."""
    torch, pytree = need("torch", "profile"), need("torch.utils._pytree", "profile")
    if "meta" in {example.device.type, *(weight.device.type for weight in model.parameters())}:
        return
    expected = [leaf for leaf in pytree.tree_leaves(model(example.clone())) if isinstance(leaf, torch.Tensor)]
    found = captured.run({captured.input.name: example}, list(captured.outputs.values()))
    if len(found) != len(expected) or not all(
        torch.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)
        for one, other in zip(expected, found, strict=True)
    ):
        raise ValueError(
            f"{captured.name}: its graph gives another result than the model itself; does its forward draw random "
            "numbers, or remember something?"
        )
