"""What is said when compiling takes long, to whoever looks: once in a process, in one line."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

#: Compiling that is over sooner needs no words [s].
PATIENCE_S = 2.0
TOLD = (
    "splitgym compiles its kernels for this processor; this happens once, about 20 s for each environment.  "
    "'splitgym warmup' does it beforehand."
)


def watched() -> bool:
    """Whether standard error is a terminal or a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


class Patience:
    """How long a compilation has taken; :meth:`look` says so when it is too long.

    Whoever compiles looks whenever a part is done.  A clock in a thread of its own would be there when processes fork.
    """

    def __init__(self) -> None:
        self._told, self._depth, self._since = False, 0, 0.0

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """The time of the outermost block counts."""
        if not self._depth:
            self._since = time.monotonic()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Nothing is said in the block: the caller shows how far it is."""
        before, self._told = self._told, True
        try:
            yield
        finally:
            self._told = before

    def look(self) -> None:
        """Say once that compiling takes long, if it does and somebody looks; bars of progress stay whole."""
        if self._told or not self._depth or time.monotonic() - self._since < PATIENCE_S:
            return
        self._told = True
        if not watched():
            return
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone
            bars = sys.modules.get("tqdm")
            if bars is not None:
                bars.tqdm.write(TOLD, file=sys.stderr)
            else:
                print(TOLD, file=sys.stderr, flush=True)


#: That of the process.
PATIENCE = Patience()
