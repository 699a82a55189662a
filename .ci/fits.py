"""Fit the models of the policy ``dpp`` that come with the package: ``make fits``, ten minutes on two cores.

A preset has a file in splitgym/data/fits, whose name holds the digest of the preset; files of other digests go.

    python .ci/fits.py           # the presets that have none
    python .ci/fits.py --again   # all of them
    python .ci/fits.py --prices  # what they learnt stays, the prices are chosen anew
"""

from __future__ import annotations

import argparse
from pathlib import Path

import splitgym
from splitgym.baselines.dpp_fit import WORLDS, priced_again
from splitgym.baselines.dpp_model import TaskModel
from splitgym.baselines.dpp_shelf import shipped_name
from splitgym.worlds.world import get_world, world_of

FITS = Path(__file__).resolve().parent.parent / "splitgym" / "data" / "fits"


def report(file: Path, model: TaskModel) -> None:
    """What was fitted, in a line."""
    prices = f"V = {model.weight_j2:.3g} J^2, tau = {model.time_price:.3g}/s, sigma = {model.waiting_price:.3g}/s"
    print(f"{file.name}: {len(model.decisions)} decisions, {prices}", flush=True)


def main() -> None:
    """Fit what is missing, and remove what belongs to no preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="fit all of them")
    parser.add_argument("--prices", action="store_true", help="choose the prices of those that are there anew")
    args = parser.parse_args()
    wanted = {}
    for world in map(get_world, WORLDS):
        for preset in world.preset_names():
            wanted[FITS / shipped_name(world, world.load_scenario(preset))] = (world.env_id, preset)
    for file, (env_id, preset) in wanted.items():
        if args.again or not file.is_file():
            report(file, splitgym.fit(env_id, preset, file, progress=True))
        elif args.prices:
            world = world_of(env_id)
            model = priced_again(world, world.load_scenario(preset), TaskModel.load(file))
            model.save(file)
            report(file, model)
    for file in set(FITS.glob("*.json")) - set(wanted):
        file.unlink()


if __name__ == "__main__":
    main()
