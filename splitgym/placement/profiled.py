"""Networks to place, from wherever they are described: profiles, published tables, files."""

from __future__ import annotations

import math
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from splitgym.named_files import named_file
from splitgym.placement.branchy import BranchExit, BranchyDnn, ExitConfig, PlacedBlock
from splitgym.placement.published import published_dnn, published_names
from splitgym.profiles.dnn import DnnProfile, load_profile, profile_names
from splitgym.quoting import listed, shown
from splitgym.ranges import ELEMENT_BITS, Range
from splitgym.reading import has_suffix, json_of, naming, toml_of
from splitgym.registry import nearest
from splitgym.strict import from_mapping

OPS_PER_MAC = Range("op/MAC", 1e-3, 1e3)
#: Decimals of shares and accuracies, so that files stay readable; they are known to fewer.
_DECIMALS = 12


def network_from(
    profile: DnnProfile | str | Path,
    *,
    bits_per_element: float = 8.0,
    ops_per_mac: float = 2.0,
    bits_per_weight: float = 32.0,
) -> BranchyDnn:
    """A profile as a network to place: one block from each cut point to the next, and prefix exit configurations.

    Args:
        profile: a profile, or the name or file of one.
        bits_per_element: of a feature that is sent [bit], as ``device.bits_per_element`` of the other environments.
        ops_per_mac: operations of a multiply-add; 2 for the operations of the published speeds (FIN s8).
        bits_per_weight: of a weight in memory [bit]; 32 as PyTorch keeps them.

    Configuration x has exits 1..x active, the last one all of them and the end of the network.  The share of the
    samples that leaves at an exit is what the profile says of it: its ``share`` of those that the whole network gets
    right, less those that have left before.  What would have gone on past the last active exit counts as an error
    there (FIN s1.1), so its accuracy is that share as well.  A block's memory holds its weights and those of the exit
    behind it, where the profile counts them (``parameters``); otherwise it is 0.

    Raises ``ValueError`` for an unknown profile and numbers out of range.
    """
    profile = profile if isinstance(profile, DnnProfile) else load_profile(profile)
    bits = ELEMENT_BITS.check("bits_per_element", bits_per_element)
    ops = OPS_PER_MAC.check("ops_per_mac", ops_per_mac)
    weight_bits = ELEMENT_BITS.check("bits_per_weight", bits_per_weight)
    heads = {leave.after: leave.parameters or 0 for leave in profile.exits}
    blocks = [
        PlacedBlock(
            ops=ops * macs,
            out_bits=bits * block.elements,
            memory_bits=weight_bits * (weights + heads.get(block.name, 0)) if profile.parameters else 0.0,
        )
        for (macs, block), weights in zip(profile.stages, profile.parameters or repeat(0), strict=False)
    ]
    cuts = profile.cut_names
    exits = [BranchExit(after_block=cuts.index(leave.after), branch_ops=ops * leave.macs) for leave in profile.exits]
    return BranchyDnn(
        input_bits=bits * math.prod(profile.input_shape),
        blocks=tuple(blocks),
        exits=(*exits, BranchExit(after_block=len(blocks))),
        exit_configs=_configs([leave.share for leave in profile.exits], profile.accuracy_full),
    )


def _configs(shares: list[float], full: float) -> tuple[ExitConfig, ...]:
    """Exits 1..x active for every x; ``shares`` of the right answers that the exits but the last one give."""
    reached = [full * share for share in shares]
    configs = []
    for last in range(len(shares) + 1):
        left = [round(float(share), _DECIMALS) for share in np.diff([0.0, *reached[:last]])]
        configs.append(
            ExitConfig(
                active=tuple(range(1, last + 2)),
                fractions=(*left, round(1.0 - sum(left), _DECIMALS)),
                accuracy=round(([*reached, full])[last], _DECIMALS),
            )
        )
    return tuple(configs)


def load_network(name: str | Path, *, bits_per_element: float = 8.0) -> tuple[str, BranchyDnn]:
    """A network to place and its name: a published network or a profile by name, or a file of either kind.

    A TOML or JSON file holds a profile (``accuracy_full``), the network of an instance (``exit_configs``), or an
    instance with one network.  Raises ``ValueError`` naming the nearest name, or file and place of a fault.
    """
    text = str(name) if isinstance(name, (str, Path)) else shown(name)
    if has_suffix(text, ".toml") or has_suffix(text, ".json"):
        return _from_file(text, bits_per_element)
    if text in published_names():
        return text, published_dnn(text)
    if text in profile_names():
        return text, network_from(text, bits_per_element=bits_per_element)
    known = [*published_names(), *profile_names()]
    names = f"known: {listed(known)}; or a file that ends in .toml or .json"
    raise ValueError(f"unknown network {shown(text)}{nearest(text, known)} ({names})")


def _from_file(path: str, bits_per_element: float) -> tuple[str, BranchyDnn]:
    file = named_file(path, "no such network file")
    with naming(file):
        table = (toml_of if has_suffix(file, ".toml") else json_of)(file.content, file)
        name = Path(path).stem
        if "dnns" in table:
            return _only_one(table["dnns"])
        if "exit_configs" in table:
            return name, from_mapping(BranchyDnn, table, "network")
        if "accuracy_full" in table:
            return name, network_from(from_mapping(DnnProfile, table, "dnn"), bits_per_element=bits_per_element)
    raise ValueError(
        f"{path} holds no network: neither a profile (accuracy_full, blocks), nor a network to place "
        f"(exit_configs, blocks), nor an instance (dnns); it holds {listed(table) or 'nothing'}"
    )


def _only_one(networks: Any) -> tuple[str, BranchyDnn]:
    if not isinstance(networks, dict) or len(networks) != 1:
        many = listed(networks) if isinstance(networks, dict) else shown(networks)
        raise ValueError(f"dnns must hold one network, got {many}; leave the others out, or take --instance")
    ((name, table),) = networks.items()
    return name, from_mapping(BranchyDnn, table, f"dnns.{name}")
