"""Networks to place from profiles: blocks, bits and exits by hand, and every way to name one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from splitgym.placement import network_from
from splitgym.placement.branchy import BranchExit, ExitConfig, PlacedBlock
from splitgym.placement.generate import random_instance
from splitgym.placement.profiled import load_network
from splitgym.placement.published import published_dnn
from splitgym.profiles.dnn import Block, DnnProfile, Exit, profile_names
from splitgym.toml import dump_toml

#: Four layers, of which the first has no cut behind it, and one exit.
PROFILE = DnnProfile(
    name="small",
    input_shape=(3, 4, 5),
    accuracy_full=0.8,
    accuracy_chance=0.1,
    blocks=(
        Block(name="conv", macs=100, shape=(8, 4, 5), cut=False),
        Block(name="pool", macs=20, shape=(8, 2, 2), steepness=4.0),
        Block(name="body", macs=1000, shape=(4, 2, 2), steepness=8.0),
        Block(name="head", macs=7, shape=(10,)),
    ),
    exits=(Exit(after="pool", macs=5, share=0.25), Exit(after="body", macs=6, share=0.75)),
)


def test_a_profile_as_a_network_by_hand() -> None:
    dnn = network_from(PROFILE)
    assert dnn.input_bits == 60 * 8
    assert dnn.blocks == (
        PlacedBlock(ops=240.0, out_bits=32 * 8.0),
        PlacedBlock(ops=2000.0, out_bits=16 * 8.0),
        PlacedBlock(ops=14.0, out_bits=80.0),
    )
    assert dnn.exits == (
        BranchExit(after_block=1, branch_ops=10.0),
        BranchExit(after_block=2, branch_ops=12.0),
        BranchExit(after_block=3),
    )
    # the exits answer .25 and .75 of the .8 that the network gets right
    assert dnn.exit_configs == (
        ExitConfig(active=(1,), fractions=(1.0,), accuracy=0.2),
        ExitConfig(active=(1, 2), fractions=(0.2, 0.8), accuracy=0.6),
        ExitConfig(active=(1, 2, 3), fractions=(0.2, 0.4, 0.4), accuracy=0.8),
    )
    assert dnn.reach(2) == pytest.approx((1.0, 0.8, 0.4))
    half = network_from(PROFILE, bits_per_element=4, ops_per_mac=1)
    assert half.sizes() == tuple(size / 2 for size in dnn.sizes())
    assert half.work(2) == tuple(ops / 2 for ops in dnn.work(2))


def test_weights_are_memory() -> None:
    """The first block ends behind the second layer, where an exit sits."""
    assert [block.memory_bits for block in network_from(PROFILE).blocks] == [0.0, 0.0, 0.0]
    blocks = [dataclasses.replace(b, parameters=n) for b, n in zip(PROFILE.blocks, (30, 0, 500, 7), strict=True)]
    exits = [dataclasses.replace(leave, parameters=n) for leave, n in zip(PROFILE.exits, (4, None), strict=True)]
    counted = PROFILE.replace(blocks=tuple(blocks), exits=tuple(exits))
    assert counted.parameters == (30, 500, 7)
    assert [block.memory_bits for block in network_from(counted).blocks] == [34 * 32.0, 500 * 32.0, 7 * 32.0]
    assert [block.memory_bits for block in network_from(counted, bits_per_weight=8).blocks] == [272.0, 4000.0, 56.0]
    with pytest.raises(ValueError, match="bits_per_weight must be a finite number"):
        network_from(PROFILE, bits_per_weight=0)
    with pytest.raises(ValueError, match=r"dnn\.blocks: 1 of 4 have parameters; give it to all or to none"):
        PROFILE.replace(blocks=(blocks[0], *PROFILE.blocks[1:]))


def test_an_exit_says_what_it_does_in_the_other_worlds() -> None:
    """There a sample leaves at the first exit whose accuracy is at least its difficulty, which is uniform."""
    difficulty = (np.arange(10_000) + 0.5) / 10_000
    shares = [PROFILE.accuracy_full * leave.share for leave in PROFILE.exits]
    first = np.searchsorted(shares, difficulty, side="left")
    leaves = np.bincount(first, minlength=3) / len(difficulty)
    assert network_from(PROFILE).exit_configs[2].fractions == pytest.approx(leaves, abs=1e-9)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_becomes_a_network(name: str) -> None:
    assert load_network(name) == (name, network_from(name))
    assert len(network_from(name).exit_configs) == len(network_from(name).exits)


def test_a_network_without_exits() -> None:
    dnn = network_from(PROFILE.replace(exits=()))
    assert dnn.exit_configs == (ExitConfig(active=(1,), fractions=(1.0,), accuracy=0.8),)


def test_networks_by_name_and_file(tmp_path: Path) -> None:
    assert load_network("b_alexnet") == ("b_alexnet", published_dnn("b_alexnet"))
    (tmp_path / "mine.toml").write_text(dump_toml(PROFILE.to_dict()), encoding="utf-8")
    coarse = network_from(PROFILE, bits_per_element=4)
    assert load_network(tmp_path / "mine.toml", bits_per_element=4) == ("mine", coarse)
    (tmp_path / "net.toml").write_text(dump_toml(network_from(PROFILE).to_dict()), encoding="utf-8")
    assert load_network(tmp_path / "net.toml") == ("net", network_from(PROFILE))
    instance = random_instance(4, blocks=3, exits=2)
    (tmp_path / "all.json").write_text(instance.to_json(), encoding="utf-8")
    assert load_network(tmp_path / "all.json") == ("net0", instance.dnns["net0"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", r"net\.toml holds no network: neither a profile .* it holds x"),
        ("accuracy_full = 0.5\nblock = []", r"net\.toml: unknown key 'dnn\.block'; did you mean 'blocks'"),
        ("exit_configs = []\ninput_bits = 1.0\nblocks = []\nexits = []", r"net\.toml: .*must not be empty"),
        ("[dnns.a]\n[dnns.b]", r"net\.toml: dnns must hold one network, got a, b; leave the others out"),
        ("accuracy_full = \nx = 1", r"net\.toml is not valid TOML: .*line 1"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "net.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_network(tmp_path / "net.toml")


def test_names_and_numbers_that_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown network 'resnet5'; did you mean 'resnet50'\? \(known: b_alexnet"):
        load_network("resnet5")
    with pytest.raises(ValueError, match="no such network file"):
        load_network("gone.toml")
    with pytest.raises(ValueError, match="bits_per_element must be a finite number"):
        network_from(PROFILE, bits_per_element=0)
    with pytest.raises(ValueError, match="ops_per_mac must be a finite number"):
        network_from(PROFILE, ops_per_mac=-1)
