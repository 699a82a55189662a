"""``splitgym render``."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from splitgym.checks import whole_number
from splitgym.cli.common import add_setting, add_trust, changes_of, check_ending, check_output, progress_bar, say
from splitgym.envs.single import SplitEnv
from splitgym.evaluation.policies import act, contender
from splitgym.extras import need
from splitgym.files import write_atomically
from splitgym.reading import has_suffix
from splitgym.worlds.world import world_of

#: Frames of a GIF, which are in memory until it is written, a megabyte or two each.
MOST_FRAMES = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.epilog = (
        "examples:\n  splitgym render enachi --steps 5\n  splitgym render enachi --steps 40 --out results/enachi.gif\n"
        "  splitgym render dynasplit --env HardwareSplit-v0 --scenario switching\n"
        "  splitgym render enachi --human --scenario bursty"
    )
    parser.add_argument(
        "policy",
        nargs="?",
        metavar="POLICY",
        help="name of a policy, zoo:NAME, or path of a trained agent (default: the environment's example)",
    )
    add_setting(parser)
    parser.add_argument("--steps", type=int, default=10, help="number of steps to show")
    parser.add_argument("--seed", type=int, default=0, help="seed of the episode")
    parser.add_argument("--human", action="store_true", help="open a window instead of printing text")
    parser.add_argument("--out", metavar="FILE", help="save the last frame (.png) or all frames (.gif)")
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Play one episode, frame by frame."""
    if args.out:
        if args.human:
            raise ValueError("--human opens a window and --out writes a file; leave one of them out")
        need("PIL.Image", "report")
        check_ending("--out", args.out, (".png", ".gif"))
        check_output("--out", args.out)
    try:
        return _play(args)
    except RuntimeError as error:  # no screen for a window
        raise ValueError(str(error)) from error


def _play(args: argparse.Namespace) -> int:
    import numpy as np

    world = world_of(args.env)
    player = contender(args.policy or world.showcase, world.name, trust=args.trust)
    mode = "human" if args.human else "rgb_array" if args.out else "ansi"
    scenario = world.load_scenario(args.scenario, **changes_of(args.changes))
    env = SplitEnv(world.name, scenario, player.action, player.episode_options, mode)
    observation, _ = env.reset(seed=args.seed)
    moving = args.out is not None and has_suffix(args.out, ".gif")
    if moving:
        whole_number("--steps of a GIF", min(args.steps, env.rows.horizon), 1, MOST_FRAMES)
    policy, state, frames = player.make(env), None, []
    with progress_bar(mode != "rgb_array", args.steps) as progress:
        for step in range(args.steps):
            masks = env.action_masks()[None]
            action, state = act(policy, observation[None], masks, state, np.array([step == 0]))
            one = {k: v[0] for k, v in action.items()} if isinstance(action, dict) else action[0]
            observation, _, terminated, truncated, _ = env.step(one)
            if mode == "ansi":
                print(env.render(), end="\n\n")
            elif mode == "rgb_array":
                frames.append(env.render())
                if not moving:
                    del frames[:-1]
            if progress:
                progress("drawing", step + 1.0)
            if terminated or truncated:
                break
    env.close()
    if args.out:
        _save(frames, Path(args.out))
    return 0


def _save(frames: list[Any], path: Path) -> None:
    images = [need("PIL.Image", "report").fromarray(frame) for frame in frames]
    buffer, moving = io.BytesIO(), has_suffix(path, ".gif")
    if moving:
        images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=700, loop=0)
    else:
        images[-1].save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    count = f"{len(images)} frames" if moving and len(images) > 1 else "1 frame"
    say(f"{count} in {path}")
