"""The cheapest ways to choose one kind per user when losses add up."""

from __future__ import annotations

from splitgym.jit import jit


@jit
def cheapest(losses, budget, sums, parents, picks):
    """Choices (one kind per user) with total loss < ``budget``, cheapest first; returns how many.

    ``losses`` (n_users, n_kinds) >= 0.  ``sums`` (2, room), ``parents`` and ``picks`` (n_users, room) are filled; the
    totals end in row n_users % 2 of ``sums``, the choices are read with :func:`read_choice`.  At most ``room`` are
    kept, and these are the cheapest: prefix by prefix, a beginning with ``room`` better ones cannot end among them.
    """
    users, kinds = losses.shape
    room = sums.shape[1]
    sums[0, 0] = 0.0
    before = 1
    for n in range(users):
        source, target, after = sums[n % 2], sums[(n + 1) % 2], 0
        for j in range(before):
            for s in range(kinds):
                total = source[j] + losses[n, s]
                if total >= budget or (after == room and total >= target[room - 1]):
                    continue
                i = after if after < room else room - 1
                while i > 0 and target[i - 1] > total:
                    target[i], parents[n, i], picks[n, i] = target[i - 1], parents[n, i - 1], picks[n, i - 1]
                    i -= 1
                target[i], parents[n, i], picks[n, i] = total, j, s
                after = min(after + 1, room)
        before = after
    return before


@jit
def read_choice(parents, picks, j, choice):
    """Write the ``j``-th choice of :func:`cheapest` into ``choice`` (n_users,)."""
    for n in range(choice.shape[0] - 1, -1, -1):
        choice[n] = picks[n, j]
        j = parents[n, j]
