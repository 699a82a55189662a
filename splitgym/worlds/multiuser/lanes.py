"""The batch of the multi-user world: the transmissions of all devices of many rows side by side, in lanes.

As in :mod:`splitgym.worlds.inference.lanes`, with the same lanes: a job is one device's, with its part of the band.
"""

from __future__ import annotations

import numpy as np

from splitgym.jit import jit
from splitgym.physics.codec import nothing_yet
from splitgym.worlds.inference.kernel import end_service
from splitgym.worlds.inference.lanes import (
    ALONE,
    IN_LANES,
    JOB_COLUMNS,
    NOTHING,
    report_job,
    send_jobs,
    suits_lanes,
    write_job,
)
from splitgym.worlds.inference.slots import uplink
from splitgym.worlds.multiuser.kernel import begin_device, end_frame, refresh, total_weight


@jit
def turn_many(
    low, high, rows, observations, masks, logs, table, params, all_devices, all_results, all_tasks,
    all_present, all_decided, fading, noise, factors, channel,
):  # fmt: skip
    """One turn of rows low..high, as :func:`splitgym.worlds.multiuser.kernel.turn_rows`, with the same results."""
    p, one = params[0], params[0].one
    users, slots = all_devices.shape[1], logs.shape[1] // all_devices.shape[1]
    n = (high - low) * users
    sent, first, planned_s = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    jobs, keys, count = np.empty((n, JOB_COLUMNS)), np.empty((n, 2), np.uint64), 0
    for i in range(low, high):
        if not rows[i].live:
            continue
        s, present, decided = rows[i].state, all_present[i], all_decided[i]
        total, active = total_weight(present, s.frame, decided)
        for user in range(users):
            k = (i - low) * users + user
            e, r, x = all_devices[i, user], all_results[i, user], all_tasks[i, user, s.frame]
            here, log = present[user, s.frame], logs[i, user * slots : (user + 1) * slots]
            send, first[k], planned_s[k] = begin_device(e, r, x, decided[user], s.frame, here, total, active, one)
            sent[k] = NOTHING
            if send and suits_lanes(e, r.bandwidth_hz, log, r, one):
                write_job(jobs[count], keys[count], e, x, r.bandwidth_hz, first[k], r, one)
                sent[k], count = IN_LANES, count + 1
            elif send:
                j = i if s.recorded else 0  # the slot arrays may be empty when nothing is recorded
                uplink(e, x, r.bandwidth_hz, first[k], fading[j, user], noise[j, user], log, r, one)
                sent[k] = ALONE
    send_jobs(jobs, keys, count, one)
    scratch, nothing, count = nothing_yet(p.n_fields), np.empty(0), 0
    for i in range(low, high):
        row, devices, results, tasks = rows[i], all_devices[i], all_results[i], all_tasks[i]
        if row.live:
            s = row.state
            for user in range(users):
                k = (i - low) * users + user
                if sent[k] == IN_LANES:
                    report_job(jobs[count], results[user], one)
                    count += 1
                if results[user].present:
                    e, r, x, d = devices[user], results[user], tasks[user, s.frame], all_decided[i, user]
                    end_service(e, d, x, sent[k] != NOTHING, first[k], planned_s[k], r, one)
            end_frame(s, devices, results, row.outcome, p)
        wrong = refresh(
            row, devices, results, tasks, all_present[i], factors, nothing, channel, scratch, observations[i], masks[i],
            table, p,
        )  # fmt: skip
        if wrong >= 0:
            return wrong
    return -1
