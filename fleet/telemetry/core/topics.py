"""Names and messages of the live topics."""

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    NODE = "node"  # readings of one node, by the gateway that owns it
    SITE = "site"  # figures of a site's own nodes, by pulse
    ROLLOUT = "rollout"  # how far a push has come, by pulse
    JOB = "job"  # how far a training job has come, by pulse


@dataclass(frozen=True)
class Topic:
    """Something a page can watch: a node by its public identifier, a site, a rollout or a job by its own."""

    kind: Kind
    id: uuid.UUID

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.id}"


def parse(name: object) -> Topic | None:
    """Return the topic of a name, or None where it names none.

    >>> parse("node.0190f5c2-8f7e-7000-8000-000000000001").kind
    <Kind.NODE: 'node'>
    >>> parse("node.everything") is None
    True
    """
    if not isinstance(name, str):
        return None
    kind, _, text = name.partition(".")
    try:
        topic = Topic(Kind(kind), uuid.UUID(text))
    except ValueError:
        return None
    return topic if topic.name == name else None


def node_topic(uid: object) -> str:
    return f"{Kind.NODE}.{uid}"


def site_topic(site_id: object) -> str:
    return f"{Kind.SITE}.{site_id}"


def rollout_topic(rollout_id: object) -> str:
    return f"{Kind.ROLLOUT}.{rollout_id}"


def job_topic(job_id: object) -> str:
    return f"{Kind.JOB}.{job_id}"


def live_message(topic: str, seq: int, at: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return what a group of live sockets is sent: `seq` counts a topic's messages, `at` is microseconds UTC."""
    return {"type": "live.message", "topic": topic, "seq": seq, "at": at, "data": data}
