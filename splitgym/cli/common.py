"""Pieces that several commands share."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from splitgym.checks import LAST_SEED, MOST_EPISODES, MOST_ROWS, MOST_THREADS, MOST_VALUES, file_path, whole_number
from splitgym.cli.streams import spelt
from splitgym.extras import need
from splitgym.files import PICTURES, save_figure
from splitgym.policy import ZOO, policy_names
from splitgym.progress import Progress, telling, watched
from splitgym.quoting import MOST, cut, shown, tamed
from splitgym.scenarios import DEFAULT_ENV
from splitgym.show.tables import Shown
from splitgym.show.tables import markdown as markdown_of
from splitgym.show.tables import text as text_of
from splitgym.specs import command_line
from splitgym.toml import read_pairs


def add_policies(parser: argparse.ArgumentParser) -> None:
    """The policies that a command compares."""
    parser.add_argument(
        "policies",
        nargs="+",
        metavar="POLICY",
        help="a name, with parameters as NAME:KEY=VALUE,KEY=VALUE; zoo:NAME, an agent that ships with the package; "
        "the path of a trained agent; or all: every baseline",
    )


def policies_of(args: argparse.Namespace) -> list[str]:
    """What :func:`add_policies` was given, each once, with the baselines of the environment for ``all``."""
    names = [name for given in args.policies for name in (policy_names(args.env) if given == "all" else [given])]
    return list(dict.fromkeys(names))


def played_by(names: list[str]) -> int:
    """How many policies play for these names: one for each training seed of a folder of several."""
    from splitgym.agents.seeds import holds_seeds, read_seeds

    return sum(len(read_seeds(name)) if holds_seeds(name) else 1 for name in names)


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Which scenario is played."""
    parser.add_argument(
        "--scenario", default="default", metavar="NAME|FILE.toml", help="name of a preset, or a TOML file"
    )


def add_setting(parser: argparse.ArgumentParser) -> None:
    """Arguments that choose environment, scenario and changes to it."""
    parser.add_argument("--env", default="SplitInference-v0", metavar="ID", help="environment id, see 'splitgym list'")
    add_scenario(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help="change a value of the scenario by its dotted path, e.g. radio.shadowing_db=4 (may be repeated)",
    )


def changes_of(pairs: list[str]) -> dict[str, Any]:
    """``["radio.shadowing_db=4"]`` -> ``{"radio.shadowing_db": 4}``; values are TOML, plain words are strings."""
    return read_pairs(pairs, "--set")


def agent_word(folder: str | Path) -> str:
    """A run folder as commands take it for a path, whatever policies and options are called."""
    text = str(folder)
    clear = os.sep in text and not text.startswith("-") and text.partition(":")[0] not in (ZOO, *policy_names())
    return text if clear else os.path.join(os.curdir, text)


def drawn_to(path: str | None, figure: Callable[..., Any], *args: Any) -> str | None:
    """Save what ``figure(*args)`` draws where an option says; without it nothing is drawn."""
    return None if path is None else str(save_figure(figure(*args), path))


def play_command(policies: Iterable[str], env_id: str, scenario: str, changes: Iterable[str] = ()) -> str:
    """The command that plays policies in a setting, ready to be pasted; what is a default is left out."""
    words = ["evaluate", *policies]
    words += ["--env", env_id] if env_id != DEFAULT_ENV else []
    if scenario != "default":  # what begins with a dash would be taken for an option
        words += [f"--scenario={scenario}"] if scenario.startswith("-") else ["--scenario", scenario]
    return command_line(*words, *(word for change in changes for word in ("--set", change)))


@contextlib.contextmanager
def progress_bar(quiet: bool, total: int = 0) -> Iterator[Progress | Literal[False]]:
    """A callback ``(name, share)`` that draws one bar on standard error: its share of all ``total`` names.

    Yields False when quiet, without ``tqdm``, and where there is no terminal.
    """
    with telling(watched() and not quiet, total) as tell:
        yield tell or False


#: Option -> its lowest and highest value; whatever command has it.
_LIMITS = {
    "episodes": (1, MOST_EPISODES),
    "seed": (0, LAST_SEED),
    "threads": (1, MOST_THREADS),
    "num_threads": (1, MOST_THREADS),
    "torch_threads": (1, MOST_THREADS),
    "tasks": (1, MOST_EPISODES),
    "steps": (1, 10**12),
    "n_envs": (1, MOST_ROWS),
    "repeats": (1, 10_000),
    "compare": (0, MOST_VALUES),
    "apps": (1, 1000),
    "blocks": (1, 1000),
    "exits": (1, 1000),
    "depth": (1, 100),
    "random": (3, 10_000),
    "gamma": (1, 1_000_000),
    "checkpoint_every": (1, 10**12),
}


def check_values(args: argparse.Namespace) -> None:
    """Refuse empty texts and counts out of range, before a command does anything."""
    actions = {action.dest: action for action in args.parser._actions}
    flags = {name: (action.option_strings or [action.metavar or name])[-1] for name, action in actions.items()}
    for name, given in vars(args).items():
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, str) and (not value.strip() or "\0" in value):
                raise ValueError(
                    f"{flags.get(name, name)} must not {'hold a NUL character' if value.strip() else 'be empty'}"
                )
        if name in _LIMITS and isinstance(given, int):
            whole_number(flags[name], given, *_LIMITS[name])


def one_line(text: str, most: int = MOST) -> str:
    """A message as one line of at most ``most`` characters."""
    return cut(tamed(" ".join(text.split())), most)


def told(error: BaseException) -> str:
    """What a person needs to know of an error, on one line."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return one_line(f"{shown(error.filename)}: {error.strerror}")
    if isinstance(error, OSError) and error.strerror:
        return f"cannot write: {error.strerror}"
    return one_line(str(error) or type(error).__name__)


def say(text: str, *, aside: bool = False) -> None:
    """Print words with names in them, which command no terminal; ``aside``: to standard error."""
    print(tamed(text), file=sys.stderr if aside else sys.stdout)


def tell_kept(store: str | None) -> None:
    """Say what a broken evaluation has left, if anything."""
    if store is not None and os.path.isdir(store):
        say(f"what was played is kept in {store}; the same command goes on", aside=True)


def check_files(plot: str | None, csv: str | None, report: str | None = None) -> None:
    """Refuse before the work what would fail after it: files that cannot be written, a library that is missing."""
    if report is not None:
        need("plotly", "report")
        need("jinja2", "report")
    if plot is not None:
        need("matplotlib", "report")
        check_ending("--plot", plot, PICTURES)
    for option, path in (("--csv", csv), ("--plot", plot), ("--report", report)):
        if path is not None:
            check_output(option, path)


def check_ending(option: str, path: str, endings: tuple[str, ...]) -> None:
    """Raise ``ValueError`` unless a file's name ends in one of ``endings``."""
    if Path(path).suffix.lower() not in endings:
        raise ValueError(f"{option} needs a file that ends in {', '.join(endings)}, got {shown(path)}")


def check_output(option: str, path: str | Path) -> None:
    """Raise ``ValueError`` unless a file, or a folder with files, can be written there; makes nothing."""
    target = file_path(option, path)
    try:
        if target.is_dir():
            raise ValueError(f"{option} needs a file, got the folder {shown(str(path))}")
        above = next(folder for folder in target.absolute().parents if folder.exists())
        with tempfile.TemporaryFile(dir=above):  # whether one may write is known by writing only
            pass
    except OSError as error:
        raise ValueError(f"{option} {shown(str(path))} cannot be written: {error.strerror or error}") from error


class Outputs:
    """What a command leaves in the end; each part is tried, whatever became of the others, so that nothing is lost."""

    def __init__(self) -> None:
        self._troubles: list[str] = []
        self._gone: BrokenPipeError | None = None

    def add(self, what: str, write: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``write`` and return its result; ``None`` if it fails, which :meth:`finish` reports."""
        try:
            result = write(*arguments)
            sys.stdout.flush()
            return result
        except BrokenPipeError as error:
            self._gone = error
        except Exception as error:  # whatever a library for pictures raises
            self._troubles.append(f"{what}: {told(error)}")
        return None

    def finish(self) -> int:
        """Exit status 0; raises ``ValueError`` naming what failed, or ``BrokenPipeError`` if the reader has left."""
        if self._troubles:
            raise ValueError(f"not written: {'; '.join(self._troubles)}")
        if self._gone:
            raise self._gone
        return 0


def add_threads(parser: argparse.ArgumentParser) -> None:
    """How many threads play."""
    parser.add_argument("--threads", type=int, default=1, help="threads of the simulation; they change no result")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Where every episode is kept."""
    parser.add_argument(
        "--store", metavar="DIR", help="keep every episode there at once; after a break the same command goes on"
    )


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Whether a stranger's model may be loaded."""
    parser.add_argument(
        "--trust", action="store_true", help="load a model file of unknown origin; such a file can run code"
    )


def add_form(parser: argparse.ArgumentParser, json: str = "") -> None:
    """How the answer is printed, if not as a table for the eye: ``--json`` (where there is one), ``--markdown``."""
    forms = parser.add_mutually_exclusive_group()
    if json:
        forms.add_argument("--json", action="store_true", help=f"print {json} as JSON, and nothing else")
    forms.add_argument("--markdown", action="store_true", help="print the table as Markdown")


def add_measures(parser: argparse._ActionsContainer, words: str) -> None:
    """The measures that a table shows."""
    parser.add_argument("--measures", nargs="+", metavar="NAME", help=f"{words}; separated by commas or blanks")


def measures_of(args: argparse.Namespace) -> list[str] | None:
    """What :func:`add_measures` was given, each once; ``None`` without it."""
    if args.measures is None:
        return None
    return list(dict.fromkeys(name.strip() for given in args.measures for name in given.split(",")))


def print_tables(tables: Iterable[Shown], *, markdown: bool = False) -> None:
    """Print several, a line between them."""
    for place, table in enumerate(tables):
        if place:
            print()
        print_table(table, markdown=markdown)


def print_table(table: Shown, *, markdown: bool = False) -> None:
    """Print a table: in parts below each other where a terminal is too narrow, as wide as it needs to be in a pipe."""
    if markdown:
        print(markdown_of(table), end="")
        return
    print(text_of(table, sys.stdout, lambda words: spelt(tamed(words))))
