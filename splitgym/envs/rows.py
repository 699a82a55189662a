"""The engine under both shells: n rows of one world, their randomness, options, outcomes and threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from splitgym.checks import MOST_ROWS, MOST_THREADS, table, whole_number
from splitgym.encodings import Encoding, by_column, by_name, decision_type
from splitgym.envs.crew import Crew, work_of_row
from splitgym.fields import Field
from splitgym.interrupt import PIECE
from splitgym.jit import entry, one_record, records
from splitgym.quoting import an, shown
from splitgym.registry import nearest
from splitgym.seeding import episode_keys, seed_key
from splitgym.worlds.observation import wrong_number
from splitgym.worlds.world import Seen, World, row_dtype

if TYPE_CHECKING:
    from splitgym.envs.contexts import Contexts

#: Why no step can be taken (``Rows.lack``).
UNBEGUN = "before the first reset()"
CLOSED = "after close()"
CUT_OFF = "after a turn that did not come to its end (Ctrl-C, a fork or a second thread in the middle of it)"


def option_table(options: Any) -> dict[str, Any]:
    """A copy of what was given as ``options`` of ``reset()``; ``ValueError`` unless it is a mapping or None."""
    return table("options of reset()", options)


class Rows:
    """n episodes side by side.

    Args:
        world, scenario: what is simulated.
        action: name of the action encoding.
        n: number of rows.
        episode_options: defaults of the episode options, see ``World.options``.
        num_threads: threads that share the rows; results do not depend on it.
        log: whether the slots of the last task are kept for rendering.
    """

    #: What the scenarios of the episodes are drawn from; ``None``: all have the same.
    contexts: Contexts | None = None

    def __init__(
        self,
        world: World,
        scenario: Any,
        action: str,
        n: int,
        episode_options: Mapping[str, Any] | None = None,
        num_threads: int = 1,
        log: bool = False,
    ) -> None:
        self.world, self.n = world, whole_number("num_envs", n, 1, MOST_ROWS)
        self.num_threads = whole_number("num_threads", num_threads, 1, MOST_THREADS)
        self.scenario = world.load_scenario(scenario)
        self.params = world.lower(self.scenario)
        self.action = action
        self._params = one_record(self.params, world.params)
        self.encoding: Encoding = world.encoding(action, self.scenario)
        self.fields, self.axes = self._observed(), world.axes(self.scenario)
        self.decision = decision_type(self.axes)  # as policies write it: vectors where there are several devices
        self.table = records(by_name(self._apart(self.encoding.table), world.axis_table))
        self.options = self._options(table("episode_options", episode_options))
        n = self.n
        self._rows = records(np.zeros(n, row_dtype(world)))
        self.nature = world.nature(n, self.scenario)
        self._link()
        slots, columns = self._log_shape()
        self.logs = np.zeros((n, slots if log else 0, columns))
        seen = np.zeros((n, sum(field.size for field in self.fields)), np.float32)
        self.seen = Seen(seen, np.zeros((n, self.encoding.mask_size), np.bool_))
        self.keys = np.zeros(n, np.uint64)  # of the seed
        self.episodes = np.full(n, -1, np.int64)  # episodes begun since seeding, less one
        self.steps = np.zeros(n, np.int64)
        self.horizon = world.horizon(self.scenario)  # most steps of an episode
        self.lack = UNBEGUN  # why no step can be taken; empty: one can
        self._crew = Crew(self.num_threads)
        self._step_work, self._begin_work = work_of_row(n, slots, self.axes, seen.shape[1], self.nature)
        self._brief = self.num_threads == 1 and n * max(self._step_work, self._begin_work) <= PIECE
        self._pack()

    # ---------------------------------------------------------------- the scenario
    @property
    def title(self) -> str:
        """The scenario in a few words."""
        return str(self.scenario.name)

    def setting(self, row: int) -> tuple[Any, Any]:
        """The scenario of a row's episode, and its lowered record."""
        return self.scenario, self.params

    def drawn(self, row: int) -> tuple[Rows, int]:
        """Where a viewer finds a row: rows of one scenario, and its place among them."""
        return self, row

    def cost(self, outcomes: np.ndarray) -> np.ndarray:
        """What ``info`` shows as the cost of a step in each row, (n,) float64, in a world that has one."""
        assert self.world.cost is not None
        return self.world.cost.value(outcomes, self.scenario)

    def _observed(self) -> tuple[Field, ...]:
        return self.world.fields(self.scenario)

    def _log_shape(self) -> tuple[int, int]:
        return self.world.log_shape(self.scenario)

    # ---------------------------------------------------------------- spaces
    def observation_space(self) -> spaces.Box:
        """Space of one row's observation."""
        low, high = np.array([f.bounds for f in self.fields for _ in range(f.size)], np.float32).T
        return spaces.Box(low.copy(), high.copy(), dtype=np.float32)

    # ---------------------------------------------------------------- episodes
    def _options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        known = self.world.options
        for name, value in given.items():
            if name == "trace":  # reset() has taken its own out by now
                raise ValueError("a trace belongs to one episode: give it to reset(options={'trace': trace})")
            if name not in known:
                names = (*known, "trace")
                raise ValueError(
                    f"unknown episode option {shown(name)}{nearest(name, names)} (known: {', '.join(names)})"
                )
            if not any(type(value) is type(choice) and value == choice for choice in known[name].choices):
                choices = " or ".join(repr(c) for c in known[name].choices)
                raise ValueError(f"episode option {name!r} must be {choices}, got {shown(value)}")
        return {name: given.get(name, option.choices[0]) for name, option in known.items()}

    def prepare(
        self, rows: np.ndarray, seeds: Sequence[int | None], options: Mapping[str, Any], entropy: Callable[[], int]
    ) -> None:
        """Set keys, options and traces of the rows (indices) that begin an episode; checks before it changes.

        Raises ``ValueError`` for bad seeds, options or traces, with the state unharmed, and ``ResetNeeded`` for a part
        of the rows after a turn that was cut off.
        """
        if self.lack and len(rows) < self.n:
            raise ResetNeeded(f"reset() of some rows {self.lack}; reset all of them first")
        options = dict(options)
        traces = self._traces(options.pop("trace", None), rows)
        chosen = {**self._options(options), **{k: v for k, v in self.options.items() if k not in options}}
        keys = {  # of the rows that are seeded; None: by chance
            i: None if (seed := seeds[i]) is None else seed_key(seed)
            for i in rows.tolist()
            if seeds[i] is not None or self.episodes[i] < 0
        }
        self._crew.settle()
        self.lack = CUT_OFF
        self.episodes[rows] += 1
        for i, key in keys.items():
            self.keys[i] = seed_key(entropy()) if key is None else key
            self.episodes[i] = 0
        self.episode_keys[rows] = episode_keys(self.keys[rows], self.episodes[rows])
        for name, value in chosen.items():
            self.world.options[name].apply(self.states, rows, value)
        self.steps[rows] = 0
        self._outcome_bytes[rows] = 0
        self.logs[rows] = 0.0
        self._replay(rows, traces)
        self.lack = ""

    def _traces(self, given: Any, rows: np.ndarray) -> list[Any] | None:
        if given is None:
            return None
        traces = list(given) if isinstance(given, (list, tuple)) else [given] * len(rows)
        if len(traces) != len(rows):
            raise ValueError(f"options['trace'] needs one trace or one for each of {len(rows)} rows, got {len(traces)}")
        for trace in traces:
            if not isinstance(trace, self.world.trace_type):
                raise ValueError(
                    f"options['trace'] must be {an(self.world.trace_type.__name__)}, got {type(trace).__name__}; "
                    f"load one with {self.world.trace_type.__name__}.load(path)"
                )
            trace.check(self.params)
        return traces

    def _replay(self, rows: np.ndarray, traces: list[Any] | None) -> None:
        if traces is None and self.world.uses_plugins(self.scenario):
            traces = [self.world.draw_trace(self.scenario, np.uint64(self.episode_keys[i])) for i in rows]
        self.states["recorded"][rows] = traces is not None
        for i, trace in zip(rows, traces or (), strict=False):
            self.nature = self.world.replay(self.nature, int(i), self.n, trace)
        if traces is not None:
            self._pack()

    # ---------------------------------------------------------------- motion
    def check(self, call: str) -> None:
        """Raise ``ResetNeeded`` unless a step can be taken; ``call`` is what was tried."""
        if self.lack:
            raise ResetNeeded(f"{call} {self.lack}; call reset() first")

    def turn(self, live: np.ndarray | None = None, fresh: np.ndarray | None = None) -> None:
        """Step the ``live`` rows as decided, begin the ``fresh`` ones, refresh both; (n,) bool, None: as before.

        Raises ``RuntimeError`` that names the field where the world's kernel leaves a number of an observation NaN.
        """
        self.check("step()")
        self.lack = CUT_OFF  # until the end: some rows may have moved and some not
        if live is not None:
            self._live[:] = live
        if fresh is not None:
            self._fresh[:] = fresh
        if self._brief:  # one piece, whatever is to be done
            wrong = self._work(0, self.n)
        else:
            wrong = self._crew.share(self.n, self._work, self._row_work())
        if wrong >= 0:
            raise wrong_number(self.world.name, self.fields, wrong)
        self.lack = ""

    def _row_work(self) -> int:
        """Elementary steps of a row in the present turn: those of a step, unless many episodes begin."""
        drawn = self._begin_work
        many = drawn * self.n > PIECE and drawn * np.count_nonzero(self._fresh) > PIECE
        return max(self._step_work, drawn) if many else self._step_work

    def _work(self, low: int, high: int) -> int:
        loop = self.world.loop(self.n)
        if loop is not self._loop:
            self._loop, self._call = loop, entry(loop, (low, high, *self._arguments))
        return self._call(low, high, *self._arguments)

    def _pack(self) -> None:
        """What a turn hands to the loop behind the range of rows; putting it together anew takes a tenth of a step."""
        self._arguments = (
            self._rows, *self.seen, self.logs, self.table, self._params, *self.nature,
        )  # fmt: skip
        self._loop: Callable[..., int] | None = None  # the loop that _call is the machine code of

    def decode(self, actions: Any) -> None:
        """Decode actions of all rows for the next turn; raises before any row moves."""
        self._decode(actions)
        if self._several:
            self._decided[:] = self._by_device

    def _decode(self, actions: Any) -> None:
        self.encoding.decode(actions, self._values)

    def decide_values(self, values: np.ndarray) -> None:
        """Physical decisions of all rows (n, width) for the next turn, as an encoding would decode them."""
        self._decided[:] = self._apart(values)

    def _apart(self, values: np.ndarray) -> np.ndarray:
        """Decisions (n, width) device by device, (n, N, n_axes), where there are several; else as they are."""
        if self.world.devices is None:
            return values
        return values.reshape(len(values), len(self.axes), self.world.devices(self.scenario)).swapaxes(1, 2)

    def outcome_copy(self) -> np.ndarray:
        """A fresh copy of the outcomes, (n,) OUTCOME; copied as bytes, since NumPy copies strided records by field."""
        return self._outcome_bytes.copy().view(self._outcome)[:, 0]

    def details(self) -> dict[str, np.ndarray]:
        """Fresh copies of what ``info`` shows beyond the outcomes, each (n, ...)."""
        if self.world.details is None:
            return {}
        return {name: np.array(column) for name, column in self.world.details(self.nature).items()}

    def _link(self) -> None:
        """Views of the rows' fields, each (n,), kept because looking fields up costs time at every step."""
        self.states, self.outcomes = self._rows["state"], self._rows["outcome"]
        self.finished, self.depleted = self.states["finished"], self.states["depleted"]
        self._live, self._fresh, self.episode_keys = (self._rows[name] for name in ("live", "fresh", "key"))
        begin = (self._rows.dtype.fields or {})["outcome"][1]
        whole_rows = self._rows.view(np.ndarray).view(np.uint8).reshape(self.n, -1)
        self._outcome = self.world.outcome
        self._outcome_bytes = whole_rows[:, begin : begin + self._outcome.itemsize]
        self._several = self.world.devices is not None
        where = self.nature.decided if self._several else self._rows["decision"]
        # actions are decoded into the rows at once; those for several devices lie axis by axis and go there by a copy
        self._decided = by_column(where, len(self.axes))
        self._values = np.zeros((self.n, self.encoding.width)) if self._several else self._decided
        self._by_device = self._apart(self._values)

    def close(self) -> None:
        """Stop the threads and end the episodes."""
        self._crew.close()
        self.lack = self.lack or CLOSED

    def __getstate__(self) -> dict[str, Any]:
        views = ("states", "outcomes", "finished", "depleted", "_live", "_fresh", "episode_keys", "_outcome_bytes")
        left_out = (*views, "_outcome", "_decided", "_values", "_by_device", "_arguments", "_loop", "_call", "encoding")
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.encoding = self.world.encoding(self.action, self.scenario)
        self._link()
        self._pack()
