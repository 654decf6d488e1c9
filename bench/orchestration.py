"""What rounds cost beside local training: `python -m bench.orchestration [--members N] [--rounds R]`.

Members are rows and real files: each hands over an update of the digits model's size. Everything else is the
product's own: invitations, signed work, intake, screening, the streamed mean, cutting, evaluation, publication.
Handing an update over (the gateway's part) is not counted, nor is making one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aggregation.models import TrainingJob

MEMBERS, ROUNDS = 100, 5
STEP = 1e-3  # of the made-up differences
SAMPLES = {"vision": 14, "head": 14}  # 1,438 of the digits among a hundred

# module of aggregation.services (or beyond), function, what it is called here
PARTS = (
    ("rounds", "open", "invite: choose members, make phase and rows"),
    ("members", "issue", "work: compile, sign and store every node's document"),
    ("intake", "take", "intake: updates that are here begin to count"),
    ("screenings", "run", "screen every update"),
    ("weights", "aggregate", "average all updates"),
    ("cutting", "cut", "cut and probe the result"),
    ("publishing", "measure", "evaluate on held-out data"),
    ("publishing", "_publish", "publish: version, contributions, events"),
)


@dataclass
class Times:
    """Seconds by what they were spent on, in order of the first time."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            begin = time.perf_counter()
            try:
                return call(*args, **options)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

        return run


@contextlib.contextmanager
def watched(times: Times) -> Iterator[None]:
    """Time every part while it runs."""
    from importlib import import_module

    before = []
    for module, name, title in PARTS:
        where = "fleet.registry.services" if module == "cutting" else "aggregation.services"
        found = import_module(f"{where}.{module}")
        before.append((found, name, getattr(found, name)))
        setattr(found, name, times.timed(title, getattr(found, name)))
    try:
        yield
    finally:
        for found, name, call in before:
            setattr(found, name, call)


def prepare(members: int, rounds: int) -> TrainingJob:
    """Make a tenant, a published model, its members, and a job."""
    from datetime import timedelta

    from django.utils import timezone

    from aggregation.services import jobs
    from fleet.registry.core.version_states import Origin
    from fleet.registry.models import Node, Presence
    from fleet.registry.services import versions
    from fleet.registry.services.models import create as create_model
    from fleet.trust.services import sites
    from fleet.trust.services.actors import Actor
    from muster.canon.signatures import fingerprint

    actor = Actor.system("bench")
    site = sites.create(actor=actor, parent=None, slug="bench", name="Bench")
    model = create_model(actor=actor, site=site, name="digits", workload="digits")
    made = versions.create_version(actor=actor, model=model, origin=Origin.INITIAL, seed=1, wake=False)
    versions.publish(made.pk)
    for number in range(members):
        key = hashlib.sha256(str(number).encode()).digest()
        node = Node.objects.create(
            site=site, name=f"n{number}", tier="edge", state="active", public_key=key, fingerprint=fingerprint(key)
        )
        Presence.objects.create(node=node, expires_at=timezone.now() + timedelta(hours=1))
    config = {"rounds": rounds, "quorum": members // 2 + 1, "grace_s": 600, "push": False}
    return jobs.create(actor=actor, model=model, config=config)


def hand_over(job: TrainingJob, number: int) -> None:
    """Lay down every member's update, as the gateway stores it."""
    from django.utils import timezone

    from aggregation.models import Phase
    from aggregation.services import compute
    from fleet.registry.models import Submission
    from fleet.registry.services import blobs
    from muster.tensors import safetensors
    from muster.workloads import catalogue

    phase = Phase.objects.get(round__job=job, round__number=number)
    forms = compute.expected(catalogue.get("digits"))
    store = blobs.store()
    for member in phase.round.members.select_related("node"):
        rng = np.random.default_rng([number, member.index])
        tensors = {name: (STEP * rng.standard_normal(shape)).astype(np.float32) for name, (_, shape) in forms.items()}
        with store.draft() as draft:
            safetensors.write(draft, tensors)
            size_bytes = draft.stat().st_size
            sha256 = store.keep(draft)
        said = {"samples": SAMPLES, "loss_before_millionths": None, "loss_after_millionths": None, "trained_ms": 0}
        Submission.objects.create(
            node=member.node, task=phase.pk, attempt=1, kind="plain", state="complete", statement=said,
            signature_value=b"", sha256=sha256, size_bytes=size_bytes, received_bytes=size_bytes,
            completed_at=timezone.now(),
        )  # fmt: skip


def drive(job: TrainingJob, rounds: int) -> tuple[list[float], Times]:
    """Run the rounds; return the seconds that each took beside its members, and what they were spent on."""
    from aggregation.services import compute, reconcile

    def look() -> None:
        reconcile.run(wake=lambda _round: None)

    took, times = [], Times()
    for number in range(1, rounds + 1):
        with watched(times):
            begin = time.perf_counter()
            look()
            opened = time.perf_counter() - begin
        hand_over(job, number)
        with watched(times):
            begin = time.perf_counter()
            look()
            compute.run_all()
            took.append(opened + time.perf_counter() - begin)
    look()
    job.refresh_from_db()
    if job.state != "done":
        raise RuntimeError(f"the job is {job.state}: {job.failure}")
    return took, times


def main(members: int = MEMBERS, rounds: int = ROUNDS) -> None:
    """Print the orchestration time of a round and what it is made of."""
    import torch

    from bench.ground import ground

    torch.set_num_threads(1)
    with ground():
        took, times = drive(prepare(members, rounds), rounds)
    print(f"{members} members, {rounds} rounds of digits, seconds beside local training and transfer")
    print(f"a round: {min(took):.2f} to {max(took):.2f}, {sum(took) / rounds:.2f} on average; of that")
    for title, seconds in times.seconds.items():
        print(f"    {1000 * seconds / rounds:8.0f} ms  {title}")
    rest = sum(took) - sum(times.seconds.values())
    print(f"    {1000 * rest / rounds:8.0f} ms  everything else")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    main(**vars(parser.parse_args()))
