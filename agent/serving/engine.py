"""Shards in memory: staged beside what serves, proved, switched, hashed, asked. Runs in the worker."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import installed
from agent.faults import LoadFailed
from agent.serving.protocol import Answered, Hashed, ShardTime, Stage
from muster.shards.errors import ShardError, UnknownComponent, UnknownVariant
from muster.wire.targets import PlacedModel, Reason, Shard
from muster.workloads.declaration import Component, Source, Workload

if TYPE_CHECKING:
    import numpy as np

    from muster.shards.shard import Shard as LoadedShard

SAMPLES = 256  # of the device's data kept in memory; requests go round them
STAND_INS = 8  # different tensors that stand in for another tier's, in turn

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


@dataclass
class Piece:
    """One shard in memory."""

    told: Shard
    loaded: LoadedShard
    stand_ins: dict[str, list[np.ndarray[Any, Any]]] = field(default_factory=dict)


@dataclass
class Model:
    """The pieces of one model, in the order in which they are asked."""

    told: PlacedModel
    workload: Workload
    pieces: list[Piece]
    samples: Arrays
    asked: int = 0


class Engine:
    """Everything that the worker knows."""

    def __init__(self) -> None:
        self._serving: dict[str, Model] = {}
        self._staged: dict[str, Model] | None = None

    def stage(self, question: Stage) -> list[str]:
        """Load a target's shards beside what serves and return notes for people.

        A shard that serves already, from the same artifact and with the right live tensors, is
        shared and not loaded twice.

        Raises:
            LoadFailed: one of them cannot be; what was staged is gone.
        """
        self._staged = None
        installed.use_threads()
        staged, notes = {}, []
        for told in question.models:
            workload = installed.workload(told.workload, told.workload_version, f"{told.model} {told.version}")
            pieces = [self._piece(told, workload, shard, question) for shard in told.shards]
            order = [component.name for component in workload.components]
            pieces.sort(key=lambda piece: order.index(piece.told.component))
            samples, note = _samples(workload, pieces, question)
            for piece in pieces:
                piece.stand_ins = _stand_ins(workload, piece.loaded.component, samples, question.node)
            staged[told.version_id] = Model(told, workload, pieces, samples)
            notes += [note] if note else []
        self._staged = staged
        return notes

    def probe(self) -> None:
        """Raise LoadFailed unless every staged shard answers as the publisher computed."""
        from muster.shards import probe

        for model in self._wanted().values():
            for piece in model.pieces:
                differs = probe.check(piece.loaded, piece.told.probe)
                if differs is not None:
                    raise LoadFailed(Reason.PROBE_FAILED, f"{_name(model.told, piece.told)}: {differs}")

    def switch(self) -> None:
        """Let the staged shards serve; what served before goes."""
        self._serving, self._staged = self._wanted(), None
        gc.collect()  # modules refer to themselves in circles; their memory shall go now

    def hash(self, key: int) -> Hashed:
        """Return the hash of a serving shard's live tensors."""
        piece = self._find(key)
        if piece is None:
            raise LoadFailed(Reason.WORKER_DIED, f"shard {key} does not serve")
        began_s = time.process_time()
        return Hashed(weights_sha256=piece.loaded.weights_sha256(), cpu_s=time.process_time() - began_s)

    def infer(self, version_id: str) -> Answered:
        """Ask the components of a model with the next sample."""
        model = self._serving.get(version_id)
        if model is None:
            return Answered(times=[])
        moment, model.asked = model.asked, model.asked + 1
        known = {tensor: rows[moment % len(rows)][None] for tensor, rows in model.samples.items()}
        made_up: set[str] = set()
        times, complaint = [], ""
        for piece in model.pieces:
            outputs, took, problem = _ask(piece, known, made_up, moment)
            known.update(outputs)
            made_up |= set() if took.local else outputs.keys()
            times.append(took)
            complaint = complaint or (f"{_name(model.told, piece.told)}: {problem}" if problem else "")
        return Answered(times=times, complaint=complaint)

    def _wanted(self) -> dict[str, Model]:
        if self._staged is None:
            raise LoadFailed(Reason.WORKER_DIED, "nothing is staged")
        return self._staged

    def _piece(self, told: PlacedModel, workload: Workload, shard: Shard, question: Stage) -> Piece:
        """Return a shard, loaded and with the right live tensors."""
        present = self._find(shard.key)
        if (
            present is not None
            and present.told.artifact_sha256 == shard.artifact_sha256
            and present.loaded.weights_sha256() == shard.weights_sha256
        ):
            return Piece(shard, present.loaded)
        loaded = _load(told, workload, shard, question.files[shard.artifact_sha256])
        found = loaded.weights_sha256()
        if found != shard.weights_sha256:
            raise LoadFailed(
                Reason.WEIGHTS_REFUSED,
                f"{_name(told, shard)}: the file's tensors hash to {found[:12]}, not to {shard.weights_sha256[:12]}",
            )
        return Piece(shard, loaded)

    def _find(self, key: int) -> Piece | None:
        pieces = (piece for model in self._serving.values() for piece in model.pieces)
        return next((piece for piece in pieces if piece.told.key == key), None)


def _ask(piece: Piece, known: Arrays, made_up: set[str], moment: int) -> tuple[Arrays, ShardTime, str]:
    """Run one component and return its outputs, its time, and what went wrong.

    Args:
        known: this device's tensors, as far as they are here.
        made_up: those of them that were computed from tensors that stood in for others.
    """
    inputs, local = {}, made_up.isdisjoint(piece.loaded.component.inputs)
    for name in piece.loaded.component.inputs:
        if name in known:
            inputs[name] = known[name]
        else:
            inputs[name] = piece.stand_ins[name][moment % STAND_INS]
            local = False
    began_ns = time.perf_counter_ns()
    try:
        outputs = piece.loaded.run(inputs)
    except ShardError as error:
        return {}, ShardTime(piece.told.key, 0, True, local), str(error)
    return outputs, ShardTime(piece.told.key, (time.perf_counter_ns() - began_ns) // 1_000, False, local), ""


def _load(told: PlacedModel, workload: Workload, shard: Shard, path: str) -> LoadedShard:
    from muster.shards.shard import load

    try:
        return load(workload, shard.component, shard.variant, Path(path))
    except ImportError as error:
        raise installed.runtime_missing(error) from error
    except (UnknownComponent, UnknownVariant) as error:
        raise LoadFailed(Reason.WORKLOAD_VERSION, f"{_name(told, shard)}: {error}") from error
    except ShardError as error:
        raise LoadFailed(Reason.WEIGHTS_REFUSED, f"{_name(told, shard)}: {error}") from error
    except OSError as error:
        raise LoadFailed(Reason.DISK_CORRUPT, f"{_name(told, shard)}: the file cannot be read: {error}") from error


def _samples(workload: Workload, pieces: list[Piece], question: Stage) -> tuple[Arrays, str]:
    """Return the raw inputs that the pieces read, and a note where the device's data does not fit.

    A folder that does not fit is not replaced by the included data, and an input that no sample has is
    not taken for zeros: the components then run on stand-ins and say so.
    """
    wanted = {raw.tensor.name: raw for piece in pieces for raw in workload.raw_inputs(piece.loaded.component)}
    if not wanted:
        return {}, ""
    folder = Path(question.data_dir) if question.data_dir else None
    where = str(folder) if folder else "its included data"
    try:
        data = workload.data(Source(seed=installed.node_seed(question.node), folder=folder, limit=SAMPLES))
        given = {name for name, raw in wanted.items() if data.present[raw.modality].any()}
        samples = {name: data.inputs[name][:SAMPLES] for name in given}
    except ImportError as error:
        raise installed.runtime_missing(error) from error
    except Exception as error:  # noqa: BLE001 - whatever a workload's own code may raise
        return {}, f"{workload.name} cannot use {where}: {str(error) or type(error).__name__}"
    if not len(data):
        return {}, f"{workload.name} cannot use {where}: it holds no sample"
    absent = ", ".join(sorted(wanted.keys() - given))
    return samples, f"{workload.name}: {where} gives no {absent}" if absent else ""


def _stand_ins(
    workload: Workload, component: Component, samples: Arrays, node: str
) -> dict[str, list[np.ndarray[Any, Any]]]:
    """Return tensors for every input that may have to be made up."""
    from muster.shards.stand_in import stand_in

    names = [name for name in component.inputs if name not in samples]
    return {
        name: [stand_in(workload.tensor(name), f"{node}/{name}/{turn}", 1) for turn in range(STAND_INS)]
        for name in names
    }


def _name(model: PlacedModel, shard: Shard) -> str:
    return f"{model.model} {model.version} {shard.component}/{shard.variant}"
