"""Multiply-adds of one PyTorch operator, counted by PyTorch's own formulas on tensors without content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from splitgym.extras import need

#: Beginnings of the names of operators without a multiply-add in the sense of :func:`count_macs`, beside those that
#: PyTorch marks as pointwise, as reductions and as views.
_FREE = """
    _adaptive_avg_pool _assert _local_scalar_dense _log_softmax _native_batch_norm _prelu _safe_softmax _softmax
    _to_copy _unsafe_ adaptive_ arange argmax argmin argsort avg_pool batch_norm bernoulli cat channel_shuffle clone
    constant_pad copy cummax cumprod cumsum diagonal dropout embedding empty eye fill flip full gather index
    kthvalue lift linspace log_softmax masked_ max_pool max_unpool native_batch_norm native_dropout
    native_group_norm native_layer_norm new_ nonzero ones pad pixel_ rand reflection_pad repeat
    replication_pad rms_norm roll rot90 scalar_tensor scatter select_scatter slice_scatter softmax sort
    split squeeze stack topk tril triu unsafe_ unsqueeze upsample where zero
"""


def count_macs(call: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Multiply-adds of ``call(*args, **kwargs)``, and the operators inside that nobody has counted.

    One multiply-add of a convolution or of a matrix product (attention's too) is one; batch norms, pooling, activations
    and additions count nothing.  On tensors of the device "meta", nothing is computed.
    """
    if _is_free(call):
        return 0, []
    counter = need("torch.utils.flop_counter", "profile")
    uncounted = set[str]()
    with counter.FlopCounterMode(display=False) as flops, _seen(uncounted):
        call(*args, **kwargs)
    return flops.get_total_flops() // 2, sorted(uncounted)


def _seen(uncounted: set[str]) -> Any:
    """A mode that writes down the operators that have no formula and may well multiply."""
    formulas = need("torch.utils.flop_counter", "profile").flop_registry

    class Seen(need("torch.utils._python_dispatch", "profile").TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.overloadpacket not in formulas and not _is_free(func):
                uncounted.add(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    return Seen()


def _is_free(operator: Any) -> bool:
    """Whether an operator, or whatever else is called, is known to multiply nothing."""
    packet = getattr(operator, "overloadpacket", None)
    if packet is None:
        return False
    marked = any(getattr(tag, "name", "") in ("pointwise", "reduction") for tag in operator.tags)
    return marked or operator.is_view or packet.__name__.startswith(tuple(_FREE.split()))
