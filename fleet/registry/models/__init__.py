from fleet.registry.models.artifact import Artifact
from fleet.registry.models.component import Component
from fleet.registry.models.model import Model
from fleet.registry.models.node import Node
from fleet.registry.models.presence import Presence
from fleet.registry.models.report import NodeReport, RunningShard
from fleet.registry.models.target import NodeTarget
from fleet.registry.models.upload import Upload
from fleet.registry.models.version import ModelVersion
from fleet.registry.models.work import NodeWork, Submission, WorkProgress

__all__ = [
    "Artifact",
    "Component",
    "Model",
    "ModelVersion",
    "Node",
    "NodeReport",
    "NodeTarget",
    "NodeWork",
    "Presence",
    "RunningShard",
    "Submission",
    "Upload",
    "WorkProgress",
]
