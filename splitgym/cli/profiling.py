"""``splitgym profile``: a network of one's own as a DNN profile."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shlex
from pathlib import Path
from typing import Any

from splitgym.cli.common import Outputs, add_form, check_ending, check_files, check_output, drawn_to, print_table, say
from splitgym.cli.profiling_data import add_measuring, check_measuring, curves_of, measure_for, show_measured
from splitgym.profiles.dnn import DnnProfile
from splitgym.profiling.block_times import BlockTimes, block_times, with_times
from splitgym.profiling.combining import fit_curves, with_measured
from splitgym.profiling.loading import load_model, shape_of
from splitgym.profiling.making import captured, check_options, example_of, is_onnx, profile_of
from splitgym.profiling.structure import Structure, structure_of
from splitgym.ranges import CLOCK, ELEMENT_BITS
from splitgym.show.network import network_figure, network_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Make a DNN profile of a network: cut points from its graph, multiply-adds and shapes counted, exits from\n"
        "its outputs.  A cut point is where one tensor separates the past from the rest, so there is none inside a\n"
        "residual block.  Accuracies are what you give, or modelled; the file says which.  The profile is the\n"
        "network of a scenario: --set dnn=FILE.\n\n"
        "MODEL is MODULE:FACTORY, where the factory is a function without arguments, a class, or a model that is\n"
        "there; FILE.py:FACTORY does as well.  The code of the model runs.  A file that ends in .onnx is read as it is."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym profile mine.py:Net --input 1x3x32x32 --out mine.toml\n"
        "  splitgym profile torchvision.models:resnet50 --input 1x3x224x224 --depth 1 --accuracy 0.8086\n"
        "  splitgym profile mine.py:Net --input 1x3x32x32 --cuts layer1 layer2 --plot mine.png\n"
        "  splitgym profile mine.py:Net --input 1x3x32x32 --measure --clock 2.4e9    block times, MAC per cycle\n"
        "  splitgym profile net.onnx --out mine.toml\n"
        "  splitgym profile mine.py:trained --input 1x3x32x32 --data mine.py:test_loader --out mine.toml\n"
        "  splitgym evaluate enachi --set dnn=mine.toml"
    )
    parser.add_argument("model", metavar="MODEL", help="MODULE:FACTORY, FILE.py:FACTORY or FILE.onnx")
    parser.add_argument("--input", metavar="SIZES", help="sizes of one input, batch first: 1x3x224x224")
    parser.add_argument("--out", metavar="FILE.toml", help="write the profile there")
    parser.add_argument("--plot", metavar="FILE", help="draw multiply-adds and bits along the network")
    parser.add_argument("--name", help="name of the profile (default: that of the file, or of the model's class)")
    where = parser.add_argument_group("cut points and exits")
    where.add_argument("--cuts", nargs="+", metavar="MODULE", help="cut behind these modules only")
    where.add_argument(
        "--depth", type=int, metavar="N", help="cut only where a module ends that is at most so deep: 1 for layer1"
    )
    where.add_argument(
        "--exits", nargs="+", metavar="NAME", help="outputs that are exits (default: all but the deepest)"
    )
    where.add_argument(
        "--sequential", action="store_true", help="take the model's children in a row as blocks, if nothing else works"
    )
    numbers = parser.add_argument_group("what is not counted")
    numbers.add_argument("--accuracy", type=float, metavar="SHARE", help="top-1 accuracy of the whole network")
    numbers.add_argument("--chance", type=float, metavar="SHARE", help="accuracy of guessing (default: 1 / classes)")
    numbers.add_argument(
        "--steepness", type=float, nargs="+", metavar="K", help="of the curve at each cut but the last"
    )
    numbers.add_argument("--shares", type=float, nargs="+", metavar="SHARE", help="of the right answers, at each exit")
    add_measuring(parser)
    parser.add_argument("--bits", type=float, default=8.0, help="bits of an element, for the table and the picture")
    timed = parser.add_argument_group("block times")
    timed.add_argument("--measure", action="store_true", help="time every block on this machine")
    timed.add_argument("--clock", type=float, metavar="HZ", help="clock of this machine, for device.macs_per_cycle")
    add_form(parser, "the profile and what was counted")


def run(args: argparse.Namespace) -> int:
    """Capture, count, write and print."""
    _check(args)
    model = args.model if is_onnx(args.model) else load_model(args.model)
    sizes = None if args.input is None else shape_of(args.input)
    graph = captured(model, sizes, sequential=args.sequential, batched=args.data is not None)
    structure = structure_of(graph, cuts=args.cuts, depth=args.depth, exits=args.exits)
    name = args.name or (Path(args.out).stem if args.out else None)
    profile = profile_of(
        structure,
        name=name,
        accuracy=args.accuracy,
        chance=args.chance,
        steepness=args.steepness,
        shares=args.shares,
    )
    measured = measure_for(args, structure)
    curves = None if measured is None else fit_curves(measured, args.curve)
    if measured is not None:
        profile = with_measured(profile, measured, curves=curves, data=args.data)
    times = block_times(structure, example_of(sizes)) if args.measure else None
    profile = profile if times is None else with_times(profile, times)
    outputs = Outputs()
    outputs.add("--out", profile.to_toml, args.out)
    picture = outputs.add("--plot", drawn_to, args.plot, network_figure, profile, args.bits)
    outputs.add("--curves", drawn_to, args.curves, curves_of, profile, measured, curves)
    outputs.add("the answer", _show, args, profile, structure, times, picture)
    if curves is not None and not args.json:
        outputs.add("the measurement", show_measured, measured, curves)
    return outputs.finish()


def _check(args: argparse.Namespace) -> None:
    ELEMENT_BITS.check("--bits", args.bits)
    if args.clock is not None:
        CLOCK.check("--clock", args.clock)
        if not args.measure:
            raise ValueError("--clock is for --measure; add it, or leave the clock out")
    if is_onnx(args.model) and (args.measure or args.data):
        option = "--measure" if args.measure else "--data"
        raise ValueError(f"{option} runs the network, and an ONNX file is only counted; give the PyTorch model")
    if args.input is None and not is_onnx(args.model):
        raise ValueError("--input is needed: the sizes of one input, batch first, such as --input 1x3x224x224")
    if args.out is not None:
        check_ending("--out", args.out, (".toml",))
        check_output("--out", args.out)
    check_files(args.plot, None)
    names = ("name", "cuts", "depth", "exits", "accuracy", "chance", "steepness", "shares")
    check_measuring(args)
    check_options(**{name: getattr(args, name) for name in names})


def _show(
    args: argparse.Namespace,
    profile: DnnProfile,
    structure: Structure,
    times: BlockTimes | None,
    picture: str | None,
) -> None:
    if args.json:
        content = _content(args, profile, structure, picture)
        print(json.dumps({**content, "measured": times and _measured(args, structure, times)}, indent=1))
        return
    print_table(network_table(profile, args.bits), markdown=args.markdown)
    for note in structure.notes:
        say(f"note: {note}")
    for op, count in structure.captured.uncounted.items():
        say(f"NOT counted: {op} ({count} in the graph); its multiply-adds are missing in the table")
    if times is not None:
        _say_times(args, structure, times)
    say("assumptions:")
    for key, text in profile.source.items():
        say(f"  {key}: {text}")
    if picture:
        say(f"picture: {picture}")
    if args.out:
        say(f"profile: {args.out}")
        say(f"next: splitgym evaluate enachi device --set {shlex.quote(f'dnn={args.out}')}")
    else:
        say("not written; add --out FILE.toml")


def _measured(args: argparse.Namespace, structure: Structure, times: BlockTimes) -> dict[str, Any]:
    rate = None if args.clock is None else times.macs_per_cycle(structure, args.clock)
    return {**dataclasses.asdict(times), "macs_per_cycle": rate}


def _say_times(args: argparse.Namespace, structure: Structure, times: BlockTimes) -> None:
    say(f"block times on this machine, {times.words}:")
    for cut in structure.cuts:
        seconds, joules = times.seconds[cut.name], times.joules.get(cut.name)
        energy = "" if joules is None else f", {1e3 * joules:.4g} mJ"
        say(f"  {cut.name}: {1e3 * seconds:.4g} ms, {cut.macs / seconds / 1e9:.3g} GMAC/s{energy}")
    if args.clock is not None:
        rate = times.macs_per_cycle(structure, args.clock)
        say(f"as a device at {args.clock:g} Hz: --set device.macs_per_cycle={rate:.4g}")


def _content(
    args: argparse.Namespace, profile: DnnProfile, structure: Structure, picture: str | None
) -> dict[str, Any]:
    return {
        "profile": profile.to_dict(),
        "cuts": [dataclasses.asdict(cut) | {"bits": args.bits * math.prod(cut.shape)} for cut in structure.cuts],
        "exits": [dataclasses.asdict(head) for head in structure.heads],
        "captured_by": structure.captured.by,
        "uncounted": dict(structure.captured.uncounted),
        "notes": list(structure.notes),
        "files": {"profile": args.out, "picture": picture},
    }
