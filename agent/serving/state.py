"""How serving stands on this device: facts, from which the next action and every report are derived."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.artifacts.shelf import Shelf
from agent.backoff import full_jitter_s
from agent.serving.decide import Action, Fetch, Load, candidates
from agent.serving.targets import Targets
from muster.wire.messages import HeldShard, RunningShard
from muster.wire.targets import Generation, NodeTarget, Reason, ReportState, Shard, ShardState

NOTICE_S = 60.0  # how long a refused target stays in the reports: one report at least carries it


@dataclass(frozen=True)
class Timing:
    """How often and how patiently; tests are less patient.

    Attributes:
        live_s, files_s: between two looks at the live tensors, and at the files.
        share: of one core that each of the two may take; larger models are looked at less often.
        retry_s, retry_cap_s: first and last ceiling of the back-off, which has full jitter.
    """

    live_s: float = 5.0
    files_s: float = 30.0
    share: float = 0.02
    retry_s: float = 1.0
    retry_cap_s: float = 60.0

    def retry_after_s(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return full_jitter_s(failures, self.retry_s, self.retry_cap_s)


@dataclass(frozen=True)
class Failure:
    """Why something is not as it should be.

    Attributes:
        count: how often in a row.
        retry_at, noted_at: on the monotonic clock.
    """

    reason: Reason
    detail: str
    count: int = 1
    retry_at: float = 0.0
    noted_at: float = 0.0


@dataclass
class State:
    """The facts.

    Attributes:
        live: the target whose shards the worker runs, None while it runs nothing.
        running: what was last computed of each live shard.
        broken: live shards whose tensors are wrong.
        corrupt: artifacts that were found wrong on disk and are not fetched again yet.
        doing: the action in progress.
        step: how far the load in progress has come.
        failures: actions that failed, for as long as they are wanted.
        notice: a target that was refused.
        notes: what the worker said of the device's data.
    """

    targets: Targets
    shelf: Shelf
    now: Callable[[], float] = time.monotonic
    live: NodeTarget | None = None
    running: dict[int, RunningShard] = field(default_factory=dict)
    broken: dict[int, Failure] = field(default_factory=dict)
    corrupt: dict[str, Failure] = field(default_factory=dict)
    doing: Action | None = None
    step: ReportState | None = None
    failures: dict[Action, Failure] = field(default_factory=dict)
    notice: Failure | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> NodeTarget | None:
        """The accepted target."""
        return self.targets.accepted

    def target(self, generation: Generation) -> NodeTarget | None:
        """Return the target of a generation, where it is one that matters."""
        known = (self.targets.accepted, self.targets.served, self.live)
        return next((target for target in known if target is not None and target.generation == generation), None)

    def candidates(self) -> Iterator[Action]:
        """Return what there is to do, the most urgent first."""
        return candidates(self.wanted, self.targets.served, self.live, bool(self.broken), self.holds)

    def holds(self, shard: Shard) -> bool:
        """Return whether a shard's file is on the shelf."""
        return self.shelf.holds(shard.artifact_sha256, shard.size_bytes)

    def needed(self) -> set[str]:
        """Return the artifacts that must stay."""
        known = (self.targets.accepted, self.targets.served, self.live)
        return {shard.artifact_sha256 for target in known if target is not None for shard in target.shards}

    def note_broken(self, key: int, detail: str) -> None:
        """Note that the live tensors of a shard are wrong."""
        self.broken.setdefault(key, Failure(Reason.LIVE_MISMATCH, detail, noted_at=self.now()))

    def note_corrupt(self, sha256: str, detail: str) -> None:
        """Note that an artifact on disk was wrong; it is gone from there."""
        self.corrupt.setdefault(sha256, Failure(Reason.DISK_CORRUPT, detail, noted_at=self.now()))

    def failure(self) -> Failure | None:
        """Return the newest reason why things are not as they should be, None where they are or are on their way."""
        wanted = [self.failures[action] for action in self.candidates() if action in self.failures]
        known = [*wanted, *self.broken.values(), *self.corrupt.values()]
        return max(known, key=lambda failure: failure.noted_at, default=None)

    def word(self) -> ReportState:
        """Return how far the accepted target has come as a whole."""
        wanted = self.wanted
        if wanted is None:
            return ReportState.IDLE
        if not self.broken and isinstance(self.doing, Fetch) and self.shelf.have_bytes(self.doing.sha256):
            return ReportState.DOWNLOADING
        if not self.broken and self.doing == Load(wanted.generation) and self.step:
            return self.step
        if self.failure() is not None:
            return ReportState.FAILED
        if self.live is not None and self.live.generation == wanted.generation:
            return ReportState.ACTIVE if wanted.shards else ReportState.IDLE
        return ReportState.DOWNLOADING if isinstance(self.doing, Fetch) else ReportState.ACCEPTED

    def shards(self) -> list[HeldShard]:
        """Return how far each shard of the accepted target has come."""
        if self.wanted is None:
            return []
        return [
            HeldShard(shard.key, self._held(shard), self.shelf.have_bytes(shard.artifact_sha256))
            for shard in self.wanted.shards
        ]

    def _held(self, shard: Shard) -> ShardState:
        sha256 = shard.artifact_sha256
        have_bytes = self.shelf.have_bytes(sha256)
        if isinstance(self.doing, Fetch) and self.doing.sha256 == sha256 and have_bytes:
            return ShardState.DOWNLOADING
        if sha256 in self.corrupt or shard.key in self.broken:
            return ShardState.CORRUPT
        if shard.key in self.running and self.live is not None and shard in self.live.shards:
            return ShardState.SERVING
        if self.wanted is not None and self.doing == Load(self.wanted.generation) and self.step:
            return ShardState.STAGED
        if self.holds(shard):
            return ShardState.HELD
        return ShardState.DOWNLOADING if have_bytes else ShardState.MISSING
