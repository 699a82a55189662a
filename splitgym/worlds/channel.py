"""Channels from logs: the section ``[radio.recorded]`` of a scenario, and what nature reads of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from splitgym.names import check_text
from splitgym.physics.channel_log import log_index, window_begin_s
from splitgym.quoting import listed, shown, where
from splitgym.ranges import BANDWIDTH, FADING_GAIN, GAP, SHARE, Range
from splitgym.recorded.channel import ChannelLog, ChannelReading
from splitgym.recorded.quantities import QUANTITIES, Link
from splitgym.recorded.windows import SPLITS
from splitgym.registry import nearest
from splitgym.strict import Strict, entry, number, sources

if TYPE_CHECKING:
    from splitgym.worlds.inference.scenario import InferenceScenario, Radio

#: Power as loggers write it.
_DBM = Range("dBm", -60.0, 90.0, hint="in dBm: 200 mW are 23")
_GAIN_DB = Range("dB", -300.0, 0.0, hint="a gain in dB, negative")
_SPAN = Range("s", 0.0, 1e7)
_STEP = Range("s", 1e-6, 1e7, hint=GAP.hint)
#: Where the fading of the slots comes from.
FADINGS = ("model", "log")


def _one_of(known: tuple[str, ...]) -> Any:
    def check(path: str, value: str) -> str:
        if value not in known:
            raise ValueError(f"{path} must be one of {listed(known)}, got {shown(value)}{nearest(value, known)}")
        return value

    return check


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded(Strict):
    """The slow gain of the uplink out of a log: every episode plays another window of it."""

    SECTION: ClassVar[str] = "radio.recorded"
    file: tuple[str, ...] | str = dataclasses.field(
        metadata={
            "doc": "log, or a list of logs that are dealt to the devices in turn",
            "file": True,
            "entries": (1, 500),
        }
    )
    column: str = entry("", check=check_text, doc="column of the values; absent: the one whose name is known")
    quantity: str = entry(
        "", check=_one_of(tuple(QUANTITIES)), doc=f"what is measured: {', '.join(QUANTITIES)}; absent: by the name"
    )
    unit: str = entry("", doc="dBm, dB, Mbit/s, ...; absent: by the name")
    time: str = entry("", doc="column of the time stamps; absent: the one whose name is known")
    time_format: str = entry("", doc="of the stamps: s, ms, us, ns, min, h or '%d/%m/%Y %H:%M:%S'; absent: as it looks")
    step_s: float | None = number(_STEP, default=None, doc="time between two rows of a log without stamps")
    split: str = entry("train", check=_one_of(SPLITS), doc="part of the log by time: train, test or all")
    train_share: float = number(SHARE, default=0.8, doc="share of the log before the test part")
    sent_dbm: float | None = number(_DBM, default=None, doc="power that the measured link sent")
    bandwidth_hz: float | None = number(BANDWIDTH, default=None, doc="band of the measured link")
    mean_gain_db: float | None = number(
        _GAIN_DB, default=None, doc="mean that the gains are moved to; absent: as logged"
    )
    gap_s: float | None = number(_STEP, default=None, doc="a longer gap is left out; absent: ten steps of the log")
    average_s: float = number(_SPAN, default=0.1, doc="slow gain: the mean over this time")
    fading: str = entry("model", check=_one_of(FADINGS), doc="fading of the slots: the model of [fading], or the log")
    source: dict[str, str] = sources()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(self.files):
            raise ValueError("radio.recorded.file must name a log, got ''")

    @property
    def files(self) -> tuple[Any, ...]:
        """All logs."""
        return self.file if isinstance(self.file, tuple) else (self.file,)


def channel_logs(radio: Radio) -> list[ChannelLog]:
    """The logs of a radio as they were understood; none without ``[radio.recorded]``.

    ``ValueError`` that names file, line, column and remedy for a log that gives no channel.
    """
    recorded = radio.recorded
    if recorded is None:
        return []
    fields = {field.name for field in dataclasses.fields(ChannelReading)} - {"link"}
    reading = ChannelReading(
        **{name: getattr(recorded, name) for name in fields},
        link=Link(
            sent_dbm=10.0 * float(np.log10(radio.power_max_w)) + 30.0,
            bandwidth_hz=radio.bandwidth_hz,
            noise_dbm_hz=radio.noise_dbm_hz + radio.noise_figure_db,
        ),
    )
    return [file.parsed(reading) for file in recorded.files]


def check_channel(radio: Radio) -> None:
    """Read the logs of a radio and its part of them; ``ValueError`` as :func:`channel_logs`."""
    recorded = radio.recorded
    for log in channel_logs(radio):
        assert recorded is not None
        log.part(recorded.split)
        if recorded.fading == "log" and log.series.step_s > radio.slot_s * (1.0 + 1e-9):
            raise ValueError(
                f"radio.recorded.fading: {where(log.table.path)} has a value every {log.series.step_s:g} s, too "
                f"coarse for slots of radio.slot_s={radio.slot_s!r} s; take fading = 'model' or a finer log"
            )


def channel_arrays(radio: Radio) -> np.ndarray:
    """What the kernels read: (m, 2, n), one log after the other, their ends repeated; (1, 2, 0) without any."""
    recorded = radio.recorded
    if recorded is None:
        return np.zeros((1, 2, 0))
    logs = [log.slow(recorded.split) for log in channel_logs(radio)]
    arrays = np.empty((len(logs), 2, max(log.shape[1] for log in logs)))
    for array, log in zip(arrays, logs, strict=True):
        array[:, : log.shape[1]], array[:, log.shape[1] :] = log, log[:, -1:]
    return arrays


def fading_is_recorded(radio: Radio) -> bool:
    """Whether the fading of the slots comes from the log, so that episodes are drawn as arrays first."""
    return radio.recorded is not None and radio.recorded.fading == "log"


def put_recorded_fading(
    scenario: InferenceScenario, key: np.uint64, which: int, tasks: np.ndarray, fading: np.ndarray
) -> None:
    """Fading of the slots (n_tasks, n_slots) out of log number ``which`` (in turn), in place, as if no task waited.

    Slot t of a task that arrives at A is read at A + t slots, in the window that the slow gains of ``tasks`` come from.
    """
    radio = scenario.radio
    recorded, logs = radio.recorded, channel_logs(radio)
    assert recorded is not None
    log = logs[which % len(logs)]
    slow, fast = log.slow(recorded.split), log.fast(recorded.split)
    span_s = float(tasks["arrival_s"][-1]) + scenario.tasks.deadline_max_s
    begin_s = float(window_begin_s(key, slow, span_s))
    for k, row in enumerate(fading):
        slots_s = begin_s + float(tasks["arrival_s"][k]) + np.arange(len(row)) * radio.slot_s
        index = np.searchsorted(slow[0], slots_s % slow[0, -1], side="right") - 1
        own = slow[1, log_index(slow, begin_s + float(tasks["arrival_s"][k]))]
        row[:] = np.clip(slow[1, index] * fast[1, index] / own, FADING_GAIN.low, FADING_GAIN.high)
