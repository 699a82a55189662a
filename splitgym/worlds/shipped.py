"""The worlds that come with the package: the one list of them, in the order in which everything names them.

Each is imported when somebody asks for it; until then this is what is known of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from splitgym.ids import class_name_of, ids_of


class Shipped(NamedTuple):
    """Id of a world's environment, and whether it has a vector reward, too."""

    env_id: str
    vector: bool = True

    @property
    def ids(self) -> dict[str, dict[str, Any]]:
        """As ``World.ids``."""
        return ids_of(self.env_id, vector=self.vector)

    @property
    def class_name(self) -> str:
        """As ``World.class_name``."""
        return class_name_of(self.env_id)


#: Folders of :mod:`splitgym.worlds`; each registers its world when it is imported.
SHIPPED = {
    "inference": Shipped("SplitInference-v0"),
    "multiuser": Shipped("SplitInferenceMultiUser-v0"),
    "transmission": Shipped("ProgressiveTransmission-v0"),
    "hardware": Shipped("HardwareSplit-v0"),
    "placement": Shipped("BlockPlacement-v0"),
}
