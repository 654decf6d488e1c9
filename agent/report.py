"""What `muster-agent status` prints."""

from typing import Any, TextIO

import msgspec

from agent import identity, status, store
from agent.errors import NotConnected, NotRunning
from agent.home import Home
from agent.status import STALE_AFTER_US, Status
from agent.store import Enrolment
from muster.clock import now_us


def report(home: Home, *, as_json: bool, out: TextIO) -> int:
    """Print how the agent of `home` is and return the exit code.

    Returns:
        0 when it runs and is connected, else the code of NotRunning or NotConnected.

    Raises:
        NotEnrolled: there is no node to speak of.
        HomeUnusable: the record or the key cannot be read.
    """
    enrolment = store.load(home)
    current = status.read(home)
    running = home.is_locked()
    age_us = current.age_us(now_us()) if current else None
    stale = running and (age_us is None or age_us > STALE_AFTER_US)
    document = _document(enrolment, current, running, stale, age_us) | {"fingerprint": identity.shown(home)}
    out.write(msgspec.json.encode(document).decode() + "\n" if as_json else _text(document))
    if not running or stale:
        return NotRunning.exit_code
    return 0 if document["state"] == status.CONNECTED else NotConnected.exit_code


def _document(
    enrolment: Enrolment, current: Status | None, running: bool, stale: bool, age_us: int | None
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "node": enrolment.node,
        "name": enrolment.name,
        "site": enrolment.site,
        "tier": enrolment.tier,
        "server": enrolment.server,
        "gateway": enrolment.gateway_url,
        "running": running,
        "stale": stale,
        "age_ms": None if age_us is None else age_us // 1_000,
        "state": status.STOPPED,
        "message": "",
    }
    if current is not None:
        described |= _measured(current)
        described["state"] = current.link.state if running else status.STOPPED
        described["message"] = current.link.message
    return described


def _measured(current: Status) -> dict[str, Any]:
    return {
        "pid": current.pid,
        "version": current.version,
        "since_us": current.link.since_us,
        "last_ack_us": current.link.last_ack_us,
        "sample_interval_ms": current.sample_interval_ms,
        "waiting_frames": current.waiting_frames,
        "dropped_frames": current.dropped_frames,
        "spool_bytes": current.spool_bytes,
        "disk_refusing": current.disk_refusing,
        "rtt_us": current.rtt_us,
        "offset_us": current.offset_us,
        "serving": msgspec.to_builtins(current.serving),
        "training": msgspec.to_builtins(current.training),
    }


def _text(document: dict[str, Any]) -> str:
    lines = [
        f"{document['name']} ({document['node']}), {document['tier']} at {document['site']}",
        f"key        {document['fingerprint'] or 'missing'}",
        f"server     {document['server']}",
        f"state      {_state(document)}",
    ]
    if "pid" in document:
        lines += [
            f"last ack   {_ago(document['last_ack_us'])}",
            f"spool      {document['waiting_frames']} frames waiting, {document['dropped_frames']} lost",
            f"round trip {_milliseconds(document['rtt_us'])}",
            f"clock      {_clock(document['offset_us'])}",
            *_serving(document["serving"]),
            *(f"training   {_task(task)}" for task in document["training"]["tasks"]),
        ]
    return "\n".join(lines) + "\n"


def _state(document: dict[str, Any]) -> str:
    if not document["running"]:
        return "not running; start it with `muster-agent run`"
    if document["stale"]:
        age = "never written" if document["age_ms"] is None else f"{document['age_ms'] / 1_000:.0f} s old"
        return f"unknown: an agent holds the folder, but its status is {age}; it hangs, or its disk is full"
    return f"{document['state']}: {document['message']}" if document["message"] else str(document["state"])


def _serving(serving: dict[str, Any]) -> list[str]:
    """Return what the device runs and shall run, in lines."""
    wanted, runs = (_generation(serving[name]) for name in ("generation", "serving"))
    lines = [f"target     {wanted}: {serving['state']}" if wanted else "target     none yet"]
    if runs and runs != wanted:
        lines.append(f"serving    {runs} until then")
    if serving["reason"] or serving["detail"]:
        lines.append(f"           {': '.join(text for text in (serving['reason'], serving['detail']) if text)}")
    return lines + [f"shard      {_shard(shard)}" for shard in serving["shards"]]


def _shard(shard: dict[str, Any]) -> str:
    name = f"{shard['model']} {shard['version']} {shard['component']}/{shard['variant']}"
    if shard["state"] == "downloading":
        return f"{name}: downloading, {shard['have_bytes']} of {shard['size_bytes']} bytes"
    if shard["state"] != "serving" or shard["requests"] is None:
        return f"{name}: {shard['state']}"
    data = "own data" if shard["local"] else "stand-in tensors"
    times = f"{_milliseconds(shard['mean_us'])} on average, {_milliseconds(shard['most_us'])} at most"
    return f"{name}: serving, {times}, {shard['errors']} errors, on {data}"


def _task(task: dict[str, Any]) -> str:
    """Return what the device trains and how far it has come, in a line."""
    words = f"{task['model']}, round {task['round_number']}, {' and '.join(task['trained'])}: {task['state']}"
    if task["total"] and task["state"] != "done":
        words += f", {task['done']} of {task['total']} {'batches' if task['state'] == 'training' else 'bytes'}"
    why = ": ".join(text for text in (task["reason"], task["detail"]) if text)
    return f"{words}; {why}" if why else words


def _generation(generation: list[int] | None) -> str:
    return f"{generation[0]}.{generation[1]}" if generation else ""


def _ago(at_us: int | None) -> str:
    return "never" if at_us is None else f"{max(0, now_us() - at_us) / 1_000_000:.1f} s ago"


def _clock(offset_us: int | None) -> str:
    """Return how far this device's clock is from the server's, in words."""
    if offset_us is None:
        return "not compared yet"
    return f"{_milliseconds(abs(offset_us))} {'ahead of' if offset_us < 0 else 'behind'} the server's"


def _milliseconds(value_us: int | None) -> str:
    return "unknown" if value_us is None else f"{value_us / 1_000:.1f} ms"
