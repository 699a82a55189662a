"""Scenario of the placement world -> PARAMS: every derived value is computed here, once."""

from __future__ import annotations

import numpy as np

from splitgym.ranges import at_most
from splitgym.traces.arrivals import ARRIVALS, lower_arrivals
from splitgym.worlds.placement.fields import OBSERVATION_TABLE, scales_of
from splitgym.worlds.placement.layout import PARAMS_TABLE
from splitgym.worlds.placement.scenario import PlacementScenario
from splitgym.worlds.placement.system import most_configs, parts
from splitgym.worlds.records import fill_record


def uses_plugins(scenario: PlacementScenario) -> bool:
    """Whether a plug-in model draws part of the trace, so that episodes are drawn as arrays first."""
    return not ARRIVALS[scenario.arrivals.model].built_in


def lower(scenario: PlacementScenario) -> np.record:
    """Scenario -> PARAMS record; coerces every type.  ``ValueError`` if too many numbers would be observed."""
    scales = scales_of(scenario)
    topology = f"topology: {scales.nodes} nodes and {scales.arcs} arcs"
    at_most(topology, "an observation", OBSERVATION_TABLE.numbers(scales), OBSERVATION_TABLE.most, "numbers")
    tiers = [node.tier for node in parts(scenario)[0]]
    return fill_record(
        PARAMS_TABLE,
        scenario,
        n_configs=most_configs(parts(scenario)[2]),
        n_dnns=len(parts(scenario)[2]),
        n_nodes=len(tiers),
        source_tier=min(tiers),
        n_sources=tiers.count(min(tiers)),
        worst=scenario.latency_mode == "worst",
        arrivals=lower_arrivals(scenario.arrivals.model, scenario.arrivals.parameters, scenario.applications.count),
        **OBSERVATION_TABLE.params(scales),
    )
