"""What is captured of a network: counts, cut points, shapes, exits; against published figures and hand-made graphs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from splitgym.profiling.structure import Structure, structure_of
from splitgym.profiling.torch_graph import capture_module
from tests.profiling.networks import NETWORKS, captured

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch.export about itself


def shapes(structure: Structure) -> dict[str, tuple[int, ...]]:
    return {cut.name: cut.shape for cut in structure.cuts}


# ------------------------------------------------------------------ published networks
#: Network -> billions of multiply-adds and millions of weights, as published; ViT's with the products of attention.
PUBLISHED = {
    "resnet18": (1.82, 11.7),
    "resnet50": (4.09, 25.6),
    "vgg16": (15.47, 138.4),
    "mobilenet_v2": (0.30, 3.5),
    "vit_b16": (17.56, 86.6),
    "alexnet": (0.71, 61.1),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_the_published_ones(name: str) -> None:
    structure = structure_of(captured(name))
    macs, parameters = PUBLISHED[name]
    assert sum(cut.macs for cut in structure.cuts) == pytest.approx(macs * 1e9, rel=0.01)
    assert sum(cut.parameters for cut in structure.cuts) == pytest.approx(parameters * 1e6, rel=0.005)
    assert not captured(name).uncounted


def test_a_transformer_without_attention_products() -> None:
    """16.85 GMAC without, 0.71 GMAC more with them: 12 layers of two products of 197 x 197 x 768."""
    products = sum(step.macs for step in captured("vit_b16").steps if "attention" in step.op)
    assert products == 12 * 2 * 197 * 197 * 768


@pytest.mark.parametrize(("name", "counts", "width"), [("resnet18", (2, 2, 2, 2), 1), ("resnet50", (3, 4, 6, 3), 4)])
def test_a_residual_network_is_cut_at_the_borders_of_its_blocks(name: str, counts: tuple[int, ...], width: int) -> None:
    expected: dict[str, tuple[int, ...]] = {"maxpool": (64, 56, 56)}
    for stage, count in enumerate(counts):
        side, planes = 56 // 2**stage, 64 * 2**stage * width
        expected |= {f"layer{stage + 1}.{block}": (planes, side, side) for block in range(count)}
    last = expected.pop(f"layer4.{counts[3] - 1}")
    expected |= {"avgpool": (last[0], 1, 1), "fc": (1000,)}  # the pooling behind the last block costs nothing
    assert shapes(structure_of(captured(name))) == expected


def test_the_stages_of_a_residual_network_are_those_of_the_shipped_profile() -> None:
    from splitgym.profiles import load_profile

    stages = structure_of(captured("resnet50"), depth=1)
    assert [cut.name for cut in stages.cuts] == ["maxpool", "layer1", "layer2", "layer3", "avgpool", "fc"]
    shipped = load_profile("resnet50").blocks
    assert [cut.macs for cut in stages.cuts] == [shipped[0].macs, *(block.macs for block in shipped[2:])]


def test_shapes_of_plain_networks() -> None:
    sides, widths = (224, 112, 56, 28, 14), (64, 128, 256, 512, 512)
    expected: list[tuple[int, ...]] = []
    for side, width, count in zip(sides, widths, (2, 2, 3, 3, 3), strict=True):
        expected += [(width, side, side)] * (count - 1) + [(width, side // 2, side // 2)]
    assert list(shapes(structure_of(captured("vgg16"))).values()) == [*expected, (4096,), (4096,), (1000,)]
    blocks = shapes(structure_of(captured("mobilenet_v2"), depth=2))
    assert list(blocks) == [*(f"features.{i}" for i in range(18)), "mean", "classifier.1"]
    assert blocks["features.3"] == (24, 56, 56)
    assert blocks["features.17"] == (320, 7, 7)


def test_a_transformer_is_cut_behind_attention_and_behind_each_layer() -> None:
    found = shapes(structure_of(captured("vit_b16")))
    between = [f"layers.{i}{part}" for i in range(12) for part in (".add", "")][:-1]
    assert list(found) == ["conv_proj", *between, "select", "head"]  # of the last layer, one token goes on
    assert {found[name] for name in between} == {(197, 768)}
    assert found["select"] == (768,)


def test_outputs_beside_the_last_are_exits() -> None:
    structure = structure_of(captured("alexnet"))
    assert [(head.name, head.after, head.macs) for head in structure.heads] == [
        ("exit1", "features.2", 64 * 1000),
        ("exit2", "features.5", 192 * 1000),
    ]
    one = structure_of(captured("alexnet"), exits=["exit2"], cuts=["features.2"])
    assert [head.name for head in one.heads] == ["exit2"]
    assert [cut.name for cut in one.cuts] == ["features.2", "features.5", "classifier.6"]
    with pytest.raises(ValueError, match=r"no exit 'exit3'; did you mean 'exit2'\?.* \(outputs: 0, 1, 2\)"):
        structure_of(captured("alexnet"), exits=["exit3"])


# ------------------------------------------------------------------ graphs by hand
def small(model: nn.Module, shape: tuple[int, ...] = (1, 4, 8, 8), **options: Any) -> Structure:
    torch.manual_seed(0)
    return structure_of(capture_module(model, torch.randn(shape)), **options)


class Dense(nn.Module):
    """Every layer reads all tensors before it (Huang et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 4, 1)
        self.layers = nn.ModuleList(nn.Conv2d(4 + 2 * i, 2, 3, padding=1) for i in range(3))
        self.transition, self.last = nn.Conv2d(10, 4, 1), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = [self.first(x)]
        for layer in self.layers:
            found.append(layer(torch.cat(found, 1)))
        return self.last(self.transition(torch.cat(found, 1)).relu())


def test_inside_a_dense_block_there_is_no_cut() -> None:
    """For each of 64 pixels, first: 4 x 4, layers: 9 x (4 + 6 + 8) x 2, transition: 10 x 4, last: 4 x 2."""
    found = small(Dense())
    assert [(c.name, c.macs) for c in found.cuts] == [
        ("first", 64 * 16),
        ("cat", 64 * 9 * 18 * 2),
        ("transition", 64 * 40),
        ("last", 64 * 8),
    ]


class UNet(nn.Module):
    """Down and up again, with bridges between (Ronneberger et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down1, self.down2 = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 2, 2), nn.Conv2d(8, 8, 2, 2)
        self.up2, self.up1 = nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(16, 4, 2, 2)
        self.join, self.out = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.stem(x)
        b = self.down1(a)
        c = torch.cat([b, self.up2(self.down2(b))], 1)
        return self.out(self.join(torch.cat([a, self.up1(c)], 1)).relu())


def test_between_the_bridges_there_is_no_cut() -> None:
    """Behind the stem, a bridge over everything begins; it ends where both are joined."""
    assert [c.name for c in small(UNet()).cuts] == ["stem", "cat", "join", "out"]


class Shared(nn.Module):
    """One activation for all, in place, and a residual that reads what it has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.relu = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)
        self.drop, self.bn, self.fc = nn.Dropout(), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        self.relu(x)
        x = self.relu(self.bn(self.b(x)) + x)
        x.mul_(2.0)
        return self.fc(self.drop(x.mean((2, 3))))


class Views(nn.Module):
    """A view is taken before its tensor is changed."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.fc = nn.Linear(6, 6), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        half = x[:, :3]
        x.relu_()
        return self.fc(half)


class Stem(nn.Module):
    """The batch is a size that the forward reads, and lies in the middle for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.proj, self.token = nn.Conv2d(4, 8, 2, 2), nn.Parameter(torch.randn(1, 1, 8))
        self.layer, self.fc = nn.TransformerEncoderLayer(8, 2, 16), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        x = self.proj(x).reshape(n, 8, -1).permute(0, 2, 1)
        x = torch.cat([self.token.expand(n, -1, -1), x], 1).transpose(0, 1)
        return self.fc(self.layer(x)[0])


@pytest.mark.parametrize(
    ("model", "shape"), [(Dense, (4, 8, 8)), (UNet, (4, 8, 8)), (Shared, (4, 8, 8)), (Views, (6,)), (Stem, (4, 8, 8))]
)
def test_device_and_server_together_give_the_answer(model: type[nn.Module], shape: tuple[int, ...]) -> None:
    """At every cut, for batches of any size, on data that the capture has not seen; the input stays as it was."""
    torch.manual_seed(1)
    network = model()
    structure = structure_of(capture_module(network, torch.randn(1, *shape), batched=True))
    assert network.training
    network.eval()
    for batch in (1, 3, 5):
        x = torch.randn(batch, *shape)
        expected, kept = network(x.clone()), x.clone()
        for cut in structure.cuts:
            tensor = structure.to_cut(x, cut.name)
            assert tensor.numel() == batch * torch.Size(cut.shape).numel()
            before = tensor.clone()
            torch.testing.assert_close(structure.from_cut(tensor, cut.name), expected)
            torch.testing.assert_close(tensor, before, rtol=0, atol=0)
        torch.testing.assert_close(x, kept, rtol=0, atol=0)


def test_gradients_flow_back_to_a_cut() -> None:
    structure = small(Shared())
    tensor = structure.to_cut(torch.randn(1, 4, 8, 8), structure.cuts[0].name).detach().requires_grad_()
    structure.from_cut(tensor, structure.cuts[0].name).sum().backward()
    assert tensor.grad is not None
    assert tensor.grad.abs().sum() > 0


class Branchy(nn.Module):
    """Two exits by name; one reads two tensors, so it is there when the later one is."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.head = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> dict[str, Any]:
        a = self.a(x).relu()
        b = self.b(a).relu()
        early = self.head(torch.cat([a, b], 1))
        return {"answer": self.c(b), "early": early, "features": a}


def test_an_exit_leaves_where_all_is_known_that_it_reads() -> None:
    structure = small(Branchy(), (1, 6))
    assert [(h.name, h.after, h.macs) for h in structure.heads] == [("head", "b", 24)]
    assert [cut.macs for cut in structure.cuts] == [36, 36, 36]
    first, last = structure.answers(torch.ones(1, 6))
    assert first.shape == (1, 2)
    assert last.shape == (1, 6)


def test_the_deepest_modules_give_way_where_there_are_too_many_cuts() -> None:
    layers = [nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))) for _ in range(30)]
    structure = small(nn.Sequential(*layers), (1, 4))
    assert len(structure.cuts) == 63
    assert "of 90 cut points, the 63 at the ends of the highest modules are kept" in structure.notes[0]
    assert {f"{i}.1.1" for i in range(29)} <= {cut.name for cut in structure.cuts}
    assert sum(cut.macs for cut in structure.cuts) == 90 * 16


# ------------------------------------------------------------------ what cannot be
class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        return x if x.max() > 0 else -x


def test_the_module_that_cannot_be_captured_is_named_with_the_way_round() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(Deciding(), nn.Linear(4, 2)))
    with pytest.raises(ValueError, match=r"its module '1\.0' \(Deciding\) does what .* sequential=True"):
        capture_module(model, torch.randn(1, 4))
    assert not any(module._forward_hooks for module in model.modules())


def test_operators_that_nobody_counts_are_named_and_not_zero_silently() -> None:
    class Fourier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.fft(torch.fft.fft(self.fc(x))).real

    found = capture_module(Fourier(), torch.randn(1, 4))
    assert sum(found.uncounted.values()) == 2
    assert all("fft" in name for name in found.uncounted)


def test_two_inputs_and_no_work_are_refused() -> None:
    with pytest.raises(ValueError, match="Flatten has no multiply-adds between its input and its output"):
        small(nn.Flatten())


def test_a_name_that_is_no_border_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no cut point behind 'down1'.* \(cut points: stem, cat, join, out\)"):
        small(UNet(), cuts=["down1"])
