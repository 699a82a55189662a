"""A profile of one's own network: what is counted, what is given, what is modelled; files, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import splitgym
from splitgym.profiles import load_profile, profile_names
from splitgym.profiling.structure import structure_of
from tests.profiling.networks import captured

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch.export about itself


class Small(nn.Module):
    """Work: 27 x 8 x 256 MAC, then 72 x 4 x 64 MAC, then 4 x 5; the exit: 8 x 5."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.pool, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3, padding=1)
        self.exit, self.fc = nn.Linear(8, 5), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool(self.a(x).relu())
        return self.exit(x.mean((2, 3))), self.fc(self.b(x).relu().mean((2, 3)))


def test_what_nobody_gives_is_modelled_and_says_so() -> None:
    model = Small()
    profile = splitgym.profile(model, (1, 3, 16, 16))
    work = (27 * 8 * 256, 72 * 4 * 64, 20)
    assert model.training
    assert profile.name == "small"
    assert profile.input_shape == (3, 16, 16)
    assert [(b.name, b.macs, b.shape) for b in profile.blocks] == [
        ("pool", work[0], (8, 8, 8)),
        ("mean", work[1], (4,)),
        ("fc", work[2], (5,)),
    ]
    assert [b.parameters for b in profile.blocks] == [27 * 8 + 8, 72 * 4 + 4, 4 * 5 + 5]
    assert profile.exits[0].parameters == 8 * 5 + 5
    done = work[0] / sum(work)
    assert [b.steepness for b in profile.blocks] == [round(4 + 20 * done, 1), 24.0, 0.0]
    assert [(e.after, e.macs, e.share) for e in profile.exits] == [("pool", 40, round(0.1 + 0.75 * done, 2))]
    assert (profile.accuracy_full, profile.accuracy_chance) == (0.8, 0.2)
    modelled = {key for key, text in profile.source.items() if text.startswith("modelled: ")}
    assert modelled == {"accuracy_full", "accuracy_chance", "blocks.steepness", "exits.share"}
    assert all(text.startswith(("modelled: ", "measured: ")) for text in profile.source.values())


def test_what_is_given_stands_as_it_is() -> None:
    given: dict[str, Any] = {"accuracy": 0.7, "chance": 0.1, "steepness": {"pool": 3.0}, "shares": [0.25]}
    profile = splitgym.profile(
        Small(), torch.zeros(4, 3, 16, 16), name="mine", source={"accuracy_full": "published: here"}, **given
    )
    assert (profile.name, profile.accuracy_full, profile.accuracy_chance) == ("mine", 0.7, 0.1)
    assert [b.steepness for b in profile.blocks] == [3.0, 24.0, 0.0]
    assert profile.exits[0].share == 0.25
    assert profile.source["accuracy_full"] == "published: here"
    assert (
        profile.source["accuracy_chance"] == profile.source["exits.share"] == "measured: as given to splitgym.profile"
    )


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_is_read_back_from_its_file(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    text = profile.to_toml(tmp_path / "mine.toml")
    assert load_profile(tmp_path / "mine.toml") == profile
    assert text.count("\n  { name = ") == len(profile.blocks)
    with pytest.raises(ValueError, match=r"path must end in \.toml, got 'mine\.txt'"):
        profile.to_toml("mine.txt")


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "vit_b16", "alexnet"])
def test_shipped_networks_are_what_the_tool_counts(name: str) -> None:
    shipped = load_profile(name)
    cuts = [block.name for block in shipped.blocks[:-1]]
    counted = structure_of(captured(name), cuts=cuts)
    assert [(b.name, b.macs, b.shape) for b in shipped.blocks] == [(c.name, c.macs, c.shape) for c in counted.cuts]
    assert [(e.after, e.macs) for e in shipped.exits] == [(h.after, h.macs) for h in counted.heads]
    assert shipped.source["accuracy_full"].startswith("published: ")
    assert shipped.source["blocks.steepness"].startswith("modelled: ")


# ------------------------------------------------------------------ the way round
class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 6), nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) if x.sum() > 0 else self.other(x)


def test_children_in_a_row_stand_where_nothing_else_does() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), Deciding()), nn.Linear(6, 2))
    with pytest.raises(ValueError, match="sequential=True"):
        splitgym.profile(model, (1, 3))
    profile = splitgym.profile(model, (1, 3), sequential=True)
    assert [(b.name, b.macs, b.shape) for b in profile.blocks] == [
        ("1.0", 12, (4,)),
        ("1.1", 24, (6,)),
        ("2", 12, (2,)),
    ]
    assert "children in a row" in profile.source["blocks.macs"]


def test_children_that_are_not_the_model_are_refused() -> None:
    class Around(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return x + super().forward(x)

    with pytest.raises(ValueError, match="Around is not its children one after the other: the result is another one"):
        splitgym.profile(Around(nn.Linear(3, 3)), (1, 3), sequential=True)
    with pytest.raises(ValueError, match=r"Small is not its children one after the other \(at 'fc'\)"):
        splitgym.profile(Small(), (1, 3, 16, 16), sequential=True)


# ------------------------------------------------------------------ mistakes
def test_a_model_that_does_not_run_says_so() -> None:
    with pytest.raises(ValueError, match=r"Small does not run on an input of shape \(1, 1, 16, 16\): .*3 channels"):
        splitgym.profile(Small(), (1, 1, 16, 16))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cuts": ["pol"]}, r"no cut point behind 'pol'; did you mean 'pool'\?"),
        ({"exits": ["exot"]}, r"no exit 'exot'; did you mean 'exit'\?"),
        ({"steepness": [1.0]}, "steepness must have one value for each of pool, mean, got 1"),
        ({"shares": {"exot": 0.5}}, r"shares: no 'exot'; did you mean 'exit'\?"),
        ({"accuracy": 1.5}, "accuracy must be"),
        ({"depth": 0}, "depth must be an integer >= 1"),
        ({"name": "a:b"}, "name cannot be a name"),
        ({"accuracy": 0.1}, "accuracy_full must be > accuracy_chance"),
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        splitgym.profile(Small(), (1, 3, 16, 16), **options)
