"""What there is to tell about a row of the hardware world, gathered once for the text and for the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from splitgym.encodings import Axis, grid_of
from splitgym.show.viewer import BAD, GOOD, Tally, counter, decoded_view, record
from splitgym.show.words import brief, milliseconds
from splitgym.worlds.hardware.lowering import lower, nominal
from splitgym.worlds.hardware.played import lower_runs
from splitgym.worlds.hardware.profile import MODES
from splitgym.worlds.hardware.scenario import HardwareScenario
from splitgym.worlds.world import World

if TYPE_CHECKING:
    from splitgym.envs.rows import Rows

EDGE, SERVER = "edge device", "server"
#: Stages of a request, by the names of OUTCOME's columns.
STAGES = {"wait": "wait", "reconfigure": "reconfigure", "edge": EDGE, "transfer": "transfer", "cloud": SERVER}
LONG_LIMIT = 4.0  # latencies; a threshold beyond is not drawn to scale, so that the stages stay readable


def joules(energy_j: float) -> str:
    """Energy in J with three digits."""
    size = abs(energy_j)
    if size == 0.0:
        return "0 J"
    return f"{energy_j:.{0 if size >= 100.0 else 1 if size >= 10.0 else 2}f} J"


class Score(Tally):
    """Running score of the requests drawn so far in one episode."""

    def clear(self, key: Any) -> None:
        """Begin the episode of ``key``."""
        super().clear(key)
        self.late, self.switches, self.saved_j = 0, 0, 0.0

    def count(self, outcome: Any) -> list[str]:
        """Count a request."""
        self.late += int(not outcome.on_time)
        self.switches += int(outcome.switched)
        self.saved_j += float(outcome.saved_j)
        return [GOOD if outcome.on_time else BAD]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Configuration:
    """What machines and network are set to."""

    clock_hz: float
    accelerator: str  # of MODES
    split: int
    layer: str  # name of the split layer
    last_split: int
    gpu: bool

    @property
    def decision(self) -> dict[str, float]:
        """What is decided to get it, axis by axis."""
        mode = float(MODES.index(self.accelerator))
        return {"clock_hz": self.clock_hz, "accelerator": mode, "split": float(self.split), "gpu": float(self.gpu)}

    @property
    def edge(self) -> str:
        """The edge device in words."""
        return f"{self.clock_hz / 1e9:.3g} GHz, accelerator {self.accelerator}"

    @property
    def server(self) -> str:
        """The server in words."""
        return "not used" if self.split == self.last_split else "GPU" if self.gpu else "CPU"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Last:
    """The last request: times in s after its arrival, energies in J."""

    request: int
    configuration: Configuration
    threshold_s: float
    latency_s: float
    stages: tuple[tuple[str, float], ...]  # (name, duration), in order, all of STAGES
    on_time: bool
    late_s: float
    stalled: bool
    switched: bool
    accuracy: float  # NaN where it was not measured
    energy_j: dict[str, float]  # of reconfigure, edge device, server; and "charged"
    saved_ratio: float  # of the energy of a cloud-only request
    reward: float

    @property
    def mark(self) -> str:
        """``GOOD`` or ``BAD``."""
        return GOOD if self.on_time else BAD

    @property
    def verdict(self) -> str:
        """Whether the threshold was met."""
        if self.on_time:
            return f"✓ met, {milliseconds(max(self.threshold_s - self.latency_s, 0.0))} to spare"
        return f"✗ late by {milliseconds(self.late_s)}"

    @property
    def end_s(self) -> float:
        """What a timeline has to show: answer and threshold, unless the threshold is far away."""
        return max(self.latency_s, min(self.threshold_s, LONG_LIMIT * self.latency_s))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What happened besides."""
        delay_s = dict(self.stages)[STAGES["reconfigure"]]
        price = f" in {milliseconds(delay_s)}" if delay_s > 0.0 else ""
        events = ((self.switched, f"reconfigured{price}"), (self.stalled, f"{EDGE} stalled"))
        return tuple(words for happened, words in events if happened)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that text and picture show."""

    title: str
    request: int  # the one to be decided
    n_requests: int
    over: bool
    score: Score
    wait_s: float  # of the request to be decided
    remaining_s: float  # of its threshold
    backlog: int | None  # requests waiting behind it; None: requests never wait
    layers: tuple[str, ...]  # names of split layers 0..L
    in_force: Configuration
    reference_j: float  # energy of a cloud-only request
    server_weight: float  # of the server's energy in the charged energy
    threshold_range_s: tuple[float, float]
    last: Last | None
    scenario: HardwareScenario
    world: World
    axes: tuple[Axis, ...]

    def configurations(self) -> tuple[np.ndarray, np.ndarray]:
        """All valid decisions (n,), and their nominal latency [s] and charged energy [J] (n, 2).

        Takes a while: ask once, since they are the same in all stories of an environment.
        """
        grid = grid_of(self.axes)
        decisions = grid[self.world.distinct(self.scenario, grid)]
        return decisions, nominal(lower(self.scenario), lower_runs(self.scenario.hardware)[0], decisions)[:, :2]

    @property
    def counter(self) -> str:
        """Which request of how many is to be decided."""
        return counter("request", self.request, self.n_requests, self.over)

    @property
    def tally(self) -> str:
        """Late requests so far; "drawn" where frames were left out, because only drawn requests were counted."""
        if self.last is None:
            return "no request served yet"
        return f"{self.score.late} of {self.score.counted} {'' if self.score.complete else 'drawn '}late"

    @property
    def late_ratio(self) -> float | None:
        """Share of late requests among those counted."""
        return self.score.late / self.score.counted if self.last is not None else None

    @property
    def saved_ratio(self) -> float | None:
        """Energy saved by the requests counted, over what cloud-only takes for as many."""
        return self.score.saved_j / (self.score.counted * self.reference_j) if self.last is not None else None

    @property
    def outlook(self) -> tuple[str, ...]:
        """What is known about the request to be decided."""
        if self.over:
            return ("episode over",)
        threshold = f"threshold {milliseconds(self.remaining_s + self.wait_s)}"
        if self.wait_s <= 0.0:
            return (threshold,)
        left = f"{milliseconds(self.remaining_s)} left" if self.remaining_s > 0.0 else "no time left"
        return threshold, f"has waited {milliseconds(self.wait_s)}", left


def tell(scenario: HardwareScenario, params: Any, rows: Rows, row: int, score: Score) -> Story:
    """Gather the story of a row after a step or a reset; changes nothing in ``rows``."""
    state, profile = record(rows.states, row), scenario.hardware
    backlog = 0 if state.finished else round(float(decoded_view(params, rows, row).backlog))
    return Story(
        title=f"{rows.world.env_id} · {_setting(scenario)}",
        request=int(state.request),
        n_requests=int(params.n_requests),
        over=bool(state.finished),
        score=score,
        wait_s=float(state.wait_s),
        remaining_s=float(state.remaining_s),
        backlog=backlog if scenario.requests.queueing else None,
        layers=profile.split_points,
        in_force=_configuration(profile.split_points, state),
        reference_j=float(params.reference_j),
        server_weight=float(params.infrastructure_weight),
        threshold_range_s=(profile.threshold_min_s, profile.threshold_max_s),
        last=_last(profile.split_points, params, record(rows.outcomes, row)) if rows.steps[row] > 0 else None,
        scenario=scenario,
        world=rows.world,
        axes=rows.axes,
    )


def _setting(scenario: HardwareScenario) -> str:
    """Preset, network where that is another word, and a warning where nobody measured it."""
    name, profile = scenario.name, scenario.hardware
    network = [profile.name] * (profile.name != name) + [profile.status] * (profile.status != "fitted")
    return f"{name} ({', '.join(network)})" if network else name


def _last(layers: tuple[str, ...], params: Any, o: Any) -> Last:
    return Last(
        request=int(o.request),
        configuration=_configuration(layers, o),
        threshold_s=float(o.threshold_s),
        latency_s=float(o.latency_s),
        stages=tuple((name, float(o[f"latency_{column}_s"])) for column, name in STAGES.items()),
        on_time=bool(o.on_time),
        late_s=float(o.cost_s),
        stalled=bool(o.stalled),
        switched=bool(o.switched),
        accuracy=float(o.accuracy),
        energy_j={
            STAGES["reconfigure"]: float(o.energy_reconfigure_j),
            EDGE: float(o.energy_edge_j),
            SERVER: float(o.energy_cloud_j),
            "charged": float(o.energy_j),
        },
        saved_ratio=float(o.saved_j) / float(params.reference_j),
        reward=float(o.reward),
    )


def _configuration(layers: tuple[str, ...], set_to: Any) -> Configuration:
    """The configuration in a STATE or OUTCOME record."""
    split = int(set_to.split)
    return Configuration(
        clock_hz=float(set_to.clock_hz),
        accelerator=MODES[set_to.accelerator],
        split=split,
        layer=brief(layers[split], 24),
        last_split=len(layers) - 1,
        gpu=bool(set_to.gpu),
    )
