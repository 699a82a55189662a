"""Cost of one step of a placement: bring a block's input to a node and run the block there (FIN s2).

Shared by the solvers (:mod:`splitgym.placement`) and the placement world.
"""

from __future__ import annotations

from splitgym.jit import jit

#: Targets and limits hold up to this relative excess (s1.3).
TOLERANCE = 1e-9


@jit
def step_energy_j(reach_ratio, work_op, node_j_op, sent_bit, arc_j_bit):
    """E of an edge [J]: r_b (e_v w_b + eps_uv s_{b-1}); ``sent_bit`` is 0 where the node does not change."""
    return reach_ratio * (node_j_op * work_op + arc_j_bit * sent_bit)


@jit
def step_delay_s(weight_ratio, work_op, node_op_s, sent_bit, arc_bit_s, prop_s):
    """D of an edge [s]: w_b / F_v + s_{b-1} / R_uv + d_uv; pass 0 bit and 0 s where the node does not change.

    ``weight_ratio`` is 1 in latency mode "worst" and the reach r_b in mode "expected".
    """
    return weight_ratio * (work_op / node_op_s + sent_bit / arc_bit_s + prop_s)


@jit
def within(load, limit):
    """Whether a load keeps a limit up to the tolerance."""
    return load <= limit * (1.0 + TOLERANCE)
