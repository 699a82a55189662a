"""The page of an environment, made from its world's tables: ``help(env.unwrapped)`` and the documentation site."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from splitgym.cards import Card
from splitgym.encodings import ENCODINGS, Axis, Encoding
from splitgym.fields import field_table, markdown_table
from splitgym.quoting import capital, shown
from splitgym.worlds.records import info_table, reward_table
from splitgym.worlds.tradeoffs import objective_table
from splitgym.worlds.world import World, get_world


def axis_table(axes: Iterable[Axis]) -> str:
    """Markdown table of action axes: name, unit, values, meaning."""
    rows = ((f"`{a.name}`" + (f" x {a.size}" if a.size else ""), a.unit, _values(a), a.meaning) for a in axes)
    return markdown_table(("axis", "unit", "values", "meaning"), rows)


def _values(axis: Axis) -> str:
    """The values of an axis in a few words."""
    if axis.labels:
        few = len(axis.labels) <= 4
        names = axis.labels if few else (axis.labels[0], "...", axis.labels[-1])
        return f"{len(axis.levels)}: {', '.join(names)}"
    exact = f", any in [0, {axis.top:g}] where exact" if axis.top > 0.0 else ""
    return f"{len(axis.levels)} levels, {axis.levels[0]:g} to {axis.levels[-1]:g}{exact}"


def _encodings(world: World, scenario: Any) -> str:
    rows = []
    for name in sorted(ENCODINGS, key=lambda name: (name != "multidiscrete", name)):  # the default first
        space = world.encoding(name, scenario).space
        what = (ENCODINGS[name].__doc__ or "").partition("\n")[0]
        rows.append((f'`"{name}"`', f"`{' '.join(str(space).split())}`", what))
    return markdown_table(("`action=`", "space", "one action is"), rows)


def _ids(world: World) -> str:
    """The ids that fix an encoding, in words."""
    ids = [f"`{env_id}`" for env_id, fixed in world.ids.items() if "action" in fixed]
    return f"{', '.join(ids[:-1])} and {ids[-1]}"


def _options(world: World) -> str:
    rows = [
        (f"`{name}`", ", ".join(f"`{choice!r}`" for choice in option.choices), option.meaning)
        for name, option in world.options.items()
    ]
    trace = ("`trace`", f"`{world.trace_type.__name__}`", "replay it; drawn from the seed by default")
    return markdown_table(("option", "values, the default first", "meaning"), [*rows, trace])


def sections(world: World) -> Iterator[tuple[str, str]]:
    """(title, Markdown) of each section; numbers are those of the preset ``default``, or else of the first."""
    presets = sorted(world.preset_names(), key=lambda name: (name != "default", name))
    scenario = world.load_scenario(presets[0])
    fields, axes = world.fields(scenario), world.axes(scenario)
    shape = sum(field.size for field in fields)
    if world.about.story:
        yield "Description", world.about.story
    yield (
        "Action space",
        f"An action decides about each axis.  Values for the scenario `{scenario.name}`:\n\n{axis_table(axes)}\n\n"
        f"`action=` chooses how it is written:\n\n{_encodings(world, scenario)}\n\n"
        f"Where only an id can be given, {_ids(world)} fix it.\n\n"
        '`info["action_mask"]` and `action_masks()` say which choices make no sense now.  Every action of the space is '
        "accepted all the same.",
    )
    yield (
        "Observation space",
        f"{shape} float32 numbers in [-1, 1] or [0, 1], in this order.  For the scenario `{scenario.name}`:\n\n"
        f"{field_table(fields)}\n\n`env.unwrapped.describe()` prints the tables of the scenario in use.",
    )
    yield (
        "Reward",
        f"The reward is the sum of these terms, and `info` shows each:\n\n{reward_table(world.reward_terms)}",
    )
    if world.parts:
        yield "Vector reward", _objectives(world)
    if world.cost is not None:
        yield "Cost", _cost(world)
    if world.about.end:
        yield "End of an episode", world.about.end
    yield "Info", f"The same keys at every reset and step, in SI units:\n\n{info_table(world.info_columns)}"
    yield (
        "Options of an episode",
        "`reset(options=...)` sets them for one episode, `episode_options=` at construction for all:\n\n"
        + _options(world),
    )
    trace = world.trace_type
    arrays = ((f"`{name}`", a.shape, a.limits.unit, a.span, a.meaning) for name, a in trace.ARRAYS.items())
    yield (
        "Trace",
        f"What nature draws in an episode, whatever is decided; a `{trace.__name__}` holds these arrays:\n\n"
        + markdown_table(("array", "shape", "unit", "limits", "meaning"), arrays),
    )
    rows = ((f"`{name}`", world.load_scenario(name).description) for name in presets)
    yield "Presets", f"`scenario=` takes a preset's name, a TOML file or a table:\n\n{_named('preset', rows)}"
    if world.about.versions:
        yield "Version history", _named("version", ((f"`{v}`", text) for v, text in world.about.versions.items()))


def _objectives(world: World) -> str:
    *_, env_id = (env_id for env_id, fixed in world.ids.items() if "reward" in fixed)
    return (
        f'`reward="vector"`, or the id `{env_id}`, gives these objectives side by side; more is better.  Their sum by '
        f"the weights is the reward above, and `reward_names` and `reward_weights` hold them:\n\n"
        f"{objective_table(world.parts)}"
    )


def _cost(world: World) -> str:
    assert world.cost is not None
    return (
        f'For constrained MDPs `info["cost"]` is the {world.cost.meaning}.  `cost_limit` bounds the sum over an '
        f"episode: {world.cost.limit_meaning}.  `splitgym.wrappers.SafetyStep` returns it from `step`."
    )


def _named(kind: str, rows: Iterable[tuple[str, str]]) -> str:
    return markdown_table((kind, "what it is"), rows)


def page(world: World) -> str:
    """The whole page in Markdown, without its title; headings are of the second level."""
    return (
        "\n\n".join([f"{capital(world.summary)}.", *(f"## {title}\n\n{text}" for title, text in sections(world))])
        + "\n"
    )


def card(env: Any, encoding: Encoding, action: str, more: str = "") -> Card:
    """How an environment shows itself: id, scenario, encoding, spaces; ``more`` ends its line."""
    rows, env_id = env.rows, env.world.env_id
    line = f"{type(env).__name__} of {env_id}: scenario {shown(rows.title)}, action={action!r}{more}"
    facts = [("scenario", env.scenario.description), ("action space", " ".join(str(encoding.space).split()))]
    facts += [("decides about", ", ".join(axis.name for axis in encoding.axes))]
    facts += [("episode options", ", ".join(f"{key}={value!r}" for key, value in rows.options.items()))]
    return Card(line, ("", env_id), facts)


class PageOf:
    """A docstring that is made on demand, since making it takes some milliseconds."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> str:
        """The page of the world under the id of its environment, with the arguments of the class below ``owner``."""
        world = get_world(self.name)
        return f"# {world.env_id}\n\n{page(world)}\n## Arguments\n\n{_arguments(owner.__mro__[1])}\n"


def _arguments(shell: type) -> str:
    """Arguments of ``gym.make``: those that the docstring of the shell names, but for the world."""
    text = inspect.cleandoc(shell.__doc__ or "").partition("Args:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, re.MULTILINE)
    rows = ((f"`{name}`", " ".join(what.replace("``", "`").split())) for name, what in found if name != "world")
    return markdown_table(("argument", "meaning"), rows)
