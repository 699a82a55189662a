"""The command ``splitgym``: list, evaluate, bound, sweep, stability, optimize, place, train, render and others."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

from gymnasium.error import Error as GymnasiumError

from splitgym.cli import streams
from splitgym.cli.common import check_values, one_line, say, told
from splitgym.cli.notes import plain_warnings
from splitgym.cli.signals import INTERRUPTED, status_of, stopping
from splitgym.plugins import load_plugin, look
from splitgym.quoting import capital, tamed
from splitgym.registry import nearest
from splitgym.version import __version__

#: Command -> (module, function adding its arguments, function running it, help).
COMMANDS = {
    "list": ("cli.listing", "add_arguments", "run", "show environments, scenarios, profiles, models and policies"),
    "evaluate": ("cli.evaluating", "add_arguments", "run", "compare policies on common traces"),
    "bound": (
        "cli.bounding",
        "add_arguments",
        "run",
        "find the best possible return on traces, from below and from above",
    ),
    "report": ("cli.reporting", "add_arguments", "run", "make a page of the evaluations in a store"),
    "store": ("cli.storing", "add_arguments", "run", "list the episodes in a store, or repair it"),
    "sweep": ("cli.sweeping", "add_arguments", "run", "compare policies at several values of a scenario's keys"),
    "stability": (
        "cli.stabilizing",
        "add_arguments",
        "run",
        "play one long run of each policy: does it keep the energy budget?",
    ),
    "optimize": (
        "cli.optimizing",
        "add_arguments",
        "run",
        "search decisions for a Pareto front (DynaSplit's offline phase)",
    ),
    "fit": ("cli.fitting", "add_arguments", "run", "fit what decisions bring to a scenario (offline phase of dpp)"),
    "profile": ("cli.profiling", "add_arguments", "run", "make a DNN profile of a network of your own"),
    "place": ("cli.placing", "add_arguments", "run", "place the blocks of a network on nodes: FIN, optimum, rivals"),
    "trace": ("cli.tracing", "add_arguments", "run", "read a log of a channel or of arrivals, and say what it holds"),
    "train": ("cli.training", "add_arguments", "run", "train an RL agent, or resume a training"),
    "tune": ("cli.tuning", "add_arguments", "run", "search the hyper-parameters of a training"),
    "curves": ("cli.learning", "add_arguments", "run", "draw learning curves over training seeds"),
    "export": ("cli.exporting", "add_arguments", "run", "write a trained agent as one file that needs no torch"),
    "dataset": ("cli.recording", "add_arguments", "run", "record episodes of policies as a Minari data set"),
    "render": ("cli.rendering", "add_arguments", "run", "watch a policy, or save pictures of it"),
    "warmup": ("cli.warming", "add_arguments", "run", "compile beforehand what first steps need"),
    "bench": ("bench", "add_bench_arguments", "run_bench", "measure rates beside peers, in one run"),
    "demo": ("cli.demo", "add_arguments", "run", "train PPO for two minutes and compare it with every baseline"),
}


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults in the help lines of what has one, prose as wide as the terminal, examples as they are written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Lines with an indent are examples; a paragraph without any is prose."""
        paragraphs = text.split("\n\n")
        return "\n\n".join(p if "\n  " in p else textwrap.fill(" ".join(p.split()), width) for p in paragraphs)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        plain = action.default is None or action.default is False or action.default in ("", [])
        return action.help if plain else super()._get_help_string(action)


#: What argparse says of a value of another type, and how people call that type.
_INVALID = re.compile(r"argument (\S+): invalid (int|float) value: ")
_TYPES = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """Answers a usage error in one short line: what is wrong, the nearest option or command, where help is."""

    words: tuple[str, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Print the message to standard error; exit status 2."""
        said = _INVALID.sub(lambda found: f"{found[1]} must be {_TYPES[found[2]]}, got ", message)
        self.exit(2, f"{self.prog}: {one_line(said, 400)}{self._hint(message)}; see '{self.prog} --help'\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            file.write(message)  # argparse would say nothing of help that cannot be written
        else:
            super()._print_message(message, file)

    def _hint(self, message: str) -> str:
        found = re.search(r"(?:unrecognized arguments: |invalid choice: ')([^\s'=]+)", message)
        options = [option for action in self._actions for option in action.option_strings]
        return nearest(found[1], [*self.words, *options]) if found else ""


def parser() -> argparse.ArgumentParser:
    """The whole command line; the modules of the commands are imported for their arguments only."""
    top = Parser(
        prog="splitgym",
        description="Split DNN inference: environments, published controllers, trained agents, honest comparison.",
        epilog="first steps:\n  splitgym list\n  splitgym evaluate random enachi --episodes 20\n  splitgym demo\n\n"
        "with a model or policy of your own:\n  splitgym evaluate mine enachi --plugin mine.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.words = tuple(COMMANDS)
    top.add_argument("--version", action="version", version=f"splitgym {__version__}")
    _add_plugins(top, "plugins_before")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, add_arguments, _, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=f"{capital(text)}.", formatter_class=Help)
        getattr(importlib.import_module(f"splitgym.{module}"), add_arguments)(sub)
        _add_plugins(sub, "plugins")
        sub.set_defaults(parser=sub)
    return top


def _add_plugins(parser: argparse.ArgumentParser, dest: str) -> None:
    """``--plugin``, before a command's name and after it."""
    parser.add_argument(
        "--plugin",
        action="append",
        default=argparse.SUPPRESS,
        dest=dest,
        metavar="FILE.py|MODULE",
        help="run Python code of your own first, so that what it registers (models, policies, presets, profiles, "
        "encodings, worlds) is known by name (may be repeated)",
    )


@contextlib.contextmanager
def warnings_in_a_line() -> Iterator[None]:
    """Warnings as people of the command line read them: one line, without the place in the code."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"splitgym: warning: {tamed(str(message))}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


@warnings_in_a_line()
def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns the exit status: 0 done, 2 wrong usage or input, 130 interrupted (143 by SIGTERM), 141 cut off, 3 a training
    ended by a callback; 1 is a fault of the package itself.
    """
    trouble = streams.prepare()
    with streams.sparing_stderr(), stopping() as came:
        if trouble:
            print(f"splitgym: {trouble}", file=sys.stderr)
            return 2
        try:
            return status_of(_whole(arguments), came)
        except KeyboardInterrupt:  # before there is a command
            print("splitgym: interrupted", file=sys.stderr)
            return status_of(INTERRUPTED, came)


def _whole(arguments: list[str] | None) -> int:
    """Read the arguments, run the command, and see to it that what it said has been written."""
    try:
        args, rest = parser().parse_known_args(arguments)
        if rest:
            args.parser.error(f"unrecognized arguments: {' '.join(rest)}")
        args.plugins = [*vars(args).pop("plugins_before", ()), *getattr(args, "plugins", ())]
    except SystemExit:
        if error := streams.flushed(sys.stdout):  # of --help and --version
            return _unwritten("", error)
        raise
    except OSError as error:
        return _unwritten("", error)
    status = _run(args)
    if error := streams.flushed(sys.stdout):
        status = _unwritten(args.command, error)
    streams.flushed(sys.stderr)
    return status


def _unwritten(command: str, error: OSError) -> int:
    if isinstance(error, BrokenPipeError):  # the reader, such as head, has seen enough
        return 141
    print(f"{f'splitgym {command}'.strip()}: standard output cannot be written: {error.strerror}", file=sys.stderr)
    return 2


def _memory(error: MemoryError) -> str:
    """What was asked for, without the type of the array, which can be longer than all else."""
    return one_line(str(error).partition(" and data type ")[0]) or "nothing is left"


def _run(args: argparse.Namespace) -> int:
    module, _, run, _ = COMMANDS[args.command]
    try:
        check_values(args)
        with plain_warnings():
            look()
            for plugin in args.plugins:
                load_plugin(plugin)
            return int(getattr(importlib.import_module(f"splitgym.{module}"), run)(args) or 0)
    except BrokenPipeError:
        return 141
    except (ValueError, TypeError, OSError, GymnasiumError) as error:
        if isinstance(error, OSError) and (unwritten := streams.flushed(sys.stdout)):
            return _unwritten(args.command, unwritten)
        print(f"splitgym {args.command}: {told(error)}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"splitgym {args.command}: not enough memory: {_memory(error)}; ask for less", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:  # of a training it says what was saved
        say(f"splitgym {args.command}: {str(stopped) or 'interrupted'}", aside=True)
        return INTERRUPTED
