from fleet.registry.models.node import Node
from fleet.registry.models.presence import Presence

__all__ = ["Node", "Presence"]
