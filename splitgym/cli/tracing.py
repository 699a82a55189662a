"""``splitgym trace``."""

from __future__ import annotations

import argparse
import json

from splitgym.cli.common import Outputs, check_files, say
from splitgym.recorded.imported import KINDS, import_log

#: Option -> its help; how it is called in a scenario, and its type, say the readings themselves.
_HELP = {
    "column": "column of the channel, or of counts of arrivals",
    "quantity": "what the column measures: gain, loss, rsrp, rssi, snr or rate",
    "unit": "its unit: dBm, dB, kbit/s, Mbit/s, ...",
    "time": "column of the time stamps",
    "time_format": "of the stamps: s, ms, us, ns, min, h, or such as '%%d/%%m/%%Y %%H:%%M:%%S'",
    "step_s": "time between two rows of a log without stamps [s]",
    "sent_dbm": "power that the measured link sent [dBm]",
    "bandwidth_hz": "band of the measured link [Hz]",
    "mean_gain_db": "mean that the gains are moved to [dB]",
    "gap_s": "a longer gap is left out [s]",
    "average_s": "slow gain: the mean over this time [s]",
    "bin_s": "length of a bin of counts [s]",
    "row": "of a table with a column for each bin: rows in which this stands; else all are added up",
    "mean_s": "mean gap that the arrivals are stretched to [s]",
    "train_share": "share of the log before its test part",
}
_NUMBERS = ("_s", "_dbm", "_hz", "_db", "_share")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.description = (
        "Read a log of a channel or of arrivals as a scenario would, before anything is run: what was understood,\n"
        "a sketch of it, and the lines of a scenario that use it.  What the file does not say is asked for by name."
    )
    parser.epilog = (
        "examples:\n"
        "  splitgym trace import drive.csv\n"
        "  splitgym trace import drive.csv --column UL_bitrate --unit kbit/s --bandwidth-hz 20e6 --sent-dbm 23\n"
        "  splitgym trace import requests.csv --mean-s 0.4 --plot results/requests.png\n"
        "  splitgym evaluate enachi edge --set radio.recorded.file=drive.csv --set radio.recorded.split=test"
    )
    parser.add_argument("action", choices=("import",), metavar="import", help="the one thing to do so far")
    parser.add_argument("file", metavar="FILE", help="the log, a text table")
    parser.add_argument(
        "--kind", choices=KINDS, help="what the log is of (default: a channel if a column is known to be one)"
    )
    for name, words in _HELP.items():
        kind = float if name.endswith(_NUMBERS) else str
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=name.upper(), help=words)
    parser.add_argument("--plot", metavar="FILE", help="draw log, parts and windows (png, pdf or svg)")
    parser.add_argument("--json", action="store_true", help="print what was understood as JSON, and nothing else")


def run(args: argparse.Namespace) -> int:
    """Read, and say what was understood."""
    check_files(args.plot, None)
    options = {name: getattr(args, name) for name in _HELP if getattr(args, name) is not None}
    found = import_log(args.file, args.kind or "", **options)
    outputs = Outputs()
    outputs.add("the answer", say, json.dumps(found.document(), indent=2) if args.json else str(found).rstrip("\n"))
    if args.plot:
        outputs.add("--plot", found.plot, args.plot)
    return outputs.finish()
