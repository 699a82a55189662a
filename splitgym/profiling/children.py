"""The way round where a model cannot be captured: its children one after the other, each a block as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from splitgym.extras import need
from splitgym.profiling.counting import count_macs
from splitgym.profiling.graph import Captured, Step
from splitgym.profiling.torch_graph import eval_mode


def capture_children(model: Any, example: Any) -> Captured:
    """A model whose children, those of ``Sequential`` containers in their place, run one after the other.

    Their multiply-adds are counted while they run on the example, so what a child decides by its values is decided
    there.  Raises ``ValueError`` where the children in a row do not give what the model gives.
    """
    torch = need("torch", "profile")
    children, x, taken = _children(model), example[:1], set[int]()
    steps = [Step(name="input", op="input", shape=tuple(x.shape[1:]))]
    with eval_mode(model):
        expected = model(x.clone())
        for name, child in children:
            try:
                macs, uncounted = count_macs(child, (x,), {})
                x = child(x)
            except Exception as error:  # whatever a module says to what it was not made for
                raise ValueError(_refusal(model, name, str(error).partition("\n")[0])) from error
            weights = [weight for weight in child.parameters() if id(weight) not in taken]
            taken |= {id(weight) for weight in weights}
            steps.append(
                Step(
                    name=name,
                    op=type(child).__name__,
                    module=name,
                    ends=(name,),
                    reads=(steps[-1].name,),
                    shape=tuple(x.shape[1:]) if isinstance(x, torch.Tensor) else None,
                    macs=macs,
                    parameters=sum(weight.numel() for weight in weights),
                    uncounted=tuple(uncounted),
                )
            )
    if (
        not isinstance(expected, torch.Tensor)
        or expected.shape != x.shape
        or not torch.allclose(expected, x, rtol=1e-3)
    ):
        raise ValueError(_refusal(model, "", "the result is another one"))
    run = _Row(dict(children))
    return Captured(
        name=type(model).__name__,
        by=f"its children in a row, run by torch {torch.__version__.partition('+')[0]}",
        steps=tuple(steps),
        outputs={"output": steps[-1].name},
        run=run,
        batched=True,
        notes=(
            "the children of the model are its blocks; what a block decides by its input was decided on the example",
        ),
    )


def _children(model: Any) -> list[tuple[str, Any]]:
    """Path and module of every child, a container's own in its place."""
    found = list[tuple[str, Any]]()
    for name, child in model.named_children():
        if isinstance(child, need("torch", "profile").nn.Sequential):
            found += [(f"{name}.{path}", inner) for path, inner in _children(child)]
        else:
            found.append((name, child))
    return found


def _refusal(model: Any, name: str, why: str) -> str:
    at = f" (at {name!r})" if name else ""
    return (
        f"{type(model).__name__} is not its children one after the other{at}: {why}; write a torch.nn.Sequential of "
        "the blocks that you want, and profile that"
    )


class _Row:
    """``run(tensors, wanted)`` of modules in a row."""

    def __init__(self, children: Mapping[str, Any]) -> None:
        self._children = children

    def __call__(self, tensors: Mapping[str, Any], wanted: Sequence[str]) -> list[Any]:
        known, x = dict(tensors), tensors.get("input")
        for name, child in self._children.items():
            if name in known:
                x = known[name]
            elif x is not None:
                x = known[name] = child(x)
        return [known[name] for name in wanted]
