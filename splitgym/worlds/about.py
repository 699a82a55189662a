"""What people should know of a world, beside its tables: the words of its page and of ``help(env)``."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class About:
    """Words in Markdown.

    Args:
        story: what happens, in paragraphs.
        end: how an episode ends.
        versions: released version -> what it brought.
    """

    story: str = ""
    end: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
