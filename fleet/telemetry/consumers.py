"""Live topics for the pages: `/live`.

    page → server   {"subscribe": ["node.<uid>", "site.<id>"]}, {"unsubscribe": [...]}
    server → page   {"subscribed": [...]}, {"topic", "error"}, {"topic", "seq", "at", "data"}, heartbeats

Times are ISO texts in the person's own zone, as the charts want them.
"""

import asyncio
import itertools
import json
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from fleet.telemetry.core import local_time
from fleet.telemetry.core.topics import Topic, parse
from fleet.telemetry.selectors import watching
from fleet.telemetry.services.sender import REDIS_AWAY
from fleet.trust.models import User
from fleet.trust.services import live_access
from muster.clock import now_us

log = structlog.get_logger(__name__)

MAX_TOPICS = 256  # watched by one socket; a page of 50 nodes with its sites needs a fifth
MAX_MESSAGE_CHARS = 32 * 1024  # room for MAX_TOPICS names
MAX_WAITING = 512  # messages a slow page may fall behind before it is closed and starts anew
HEARTBEAT_S = 3.0
RECHECK_S = 30.0  # how long a revoked grant or a closed session may still be told something
CLOSE_SIGNED_OUT = 4401
CLOSE_SLOW = 1013


class LiveConsumer(AsyncWebsocketConsumer):
    """One page's socket. Access is decided at each subscribe, when it changes, and again every half minute."""

    user: User
    zone: ZoneInfo

    async def connect(self) -> None:
        self.topics: set[Topic] = set()
        self.waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_WAITING)
        self.chores: list[asyncio.Task[None]] = []
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(CLOSE_SIGNED_OUT)
            return
        self._know(user)
        await self.accept()
        await self._join()
        self.chores = [asyncio.create_task(work) for work in (self._send_all(), self._beat(), self._recheck())]

    async def disconnect(self, code: int) -> None:
        for chore in self.chores:
            chore.cancel()
        await asyncio.gather(*self.chores, return_exceptions=True)
        await self._leave(self.topics)
        if self.chores:  # none were started for a visitor
            await self._part()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        request = _request(text_data)
        if request is None:
            self._tell({"error": "malformed"})
            return
        verb, names = request
        topics = {name: parse(name) for name in names}
        if verb == "unsubscribe":
            await self._leave({topic for topic in topics.values() if topic is not None} & self.topics)
        else:
            await self._subscribe(topics)

    async def live_message(self, event: dict[str, Any]) -> None:
        """Pass on what a gateway or pulse has published."""
        self._tell(
            {
                "topic": event["topic"],
                "seq": event["seq"],
                "at": local_time.iso(event["at"], self.zone),
                "data": _localised(event["data"], self.zone),
            }
        )

    async def access_changed(self, _event: dict[str, Any]) -> None:
        """Look again at once: the person signed out, was deactivated, or holds another role."""
        try:
            await self.recheck()
        except DatabaseError as error:
            log.warning("live.recheck_later", error=str(error).strip())

    async def _join(self) -> None:
        """Listen for changes of the person's access."""
        try:
            await self.channel_layer.group_add(live_access.group(self.user.pk), self.channel_name)
        except REDIS_AWAY as error:
            log.warning("live.join_failed", error=str(error) or type(error).__name__)

    async def _part(self) -> None:
        try:
            await self.channel_layer.group_discard(live_access.group(self.user.pk), self.channel_name)
        except REDIS_AWAY as error:
            log.warning("live.leave_failed", error=str(error) or type(error).__name__)

    async def _subscribe(self, topics: dict[str, Topic | None]) -> None:
        wanted = {topic for topic in topics.values() if topic is not None} - self.topics
        try:
            allowed = await database_sync_to_async(watching.allowed)(self.user, wanted)
            for topic in allowed:
                if len(self.topics) < MAX_TOPICS:
                    await self.channel_layer.group_add(topic.name, self.channel_name)
                    self.topics.add(topic)
        except (DatabaseError, *REDIS_AWAY) as error:
            log.warning("live.subscribe_failed", error=str(error) or type(error).__name__)
            await self.close(CLOSE_SLOW)
            return
        for name, topic in topics.items():
            if topic not in self.topics:
                self._tell({"topic": name, "error": "too_many" if topic in allowed else "denied"})
        self._tell({"subscribed": sorted(name for name, topic in topics.items() if topic in self.topics)})

    async def _leave(self, topics: set[Topic]) -> None:
        self.topics = self.topics - topics
        try:
            for topic in topics:
                await self.channel_layer.group_discard(topic.name, self.channel_name)
        except REDIS_AWAY as error:
            # The layer has forgotten the channel already; only the server's side of it stays until it reconnects.
            log.warning("live.leave_failed", error=str(error) or type(error).__name__)

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            # Not even the close would get through; ending the application drops the connection.
            log.warning("live.slow_page", topics=len(self.topics))
            raise StopConsumer from None

    async def _send_all(self) -> None:
        while True:
            message = await self.waiting.get()
            await self.send(text_data=json.dumps(message, separators=(",", ":")))

    async def _beat(self) -> None:
        for seq in itertools.count(1):
            await asyncio.sleep(HEARTBEAT_S)
            if self.waiting.full():
                continue  # what waits there will show that the socket lives
            self._tell({"topic": "heartbeat", "seq": seq, "at": local_time.iso(now_us(), self.zone)})

    async def _recheck(self) -> None:
        """End the socket with the session it belongs to, and leave what may no longer be watched."""
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                await self.recheck()
            except DatabaseError as error:
                log.warning("live.recheck_later", error=str(error).strip())

    async def recheck(self) -> None:
        """Ask the database once more who this is and what they may see."""
        user = await self._signed_in()
        if user is None:
            await self.close(CLOSE_SIGNED_OUT)
            return
        self._know(user)
        allowed = await database_sync_to_async(watching.allowed)(user, self.topics)
        denied = self.topics - allowed
        await self._leave(denied)
        for topic in denied:
            if self.waiting.full():
                return  # a page this slow is dropped by the next message
            self._tell({"topic": topic.name, "error": "denied"})

    async def _signed_in(self) -> User | None:
        """Return the person if their session still stands, read anew from the database."""
        store = import_module(settings.SESSION_ENGINE).SessionStore
        user = await get_user({"session": store(self.scope["session"].session_key)})
        return user if user.is_authenticated else None

    def _know(self, user: User) -> None:
        self.user = user
        self.zone = local_time.zone(user.time_zone)


def _request(text: str | None) -> tuple[str, list[str]] | None:
    """Return the verb and the topic names of a page's message, or None where it is malformed."""
    if text is None or len(text) > MAX_MESSAGE_CHARS:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or len(document) != 1:
        return None
    ((verb, names),) = document.items()
    if verb not in ("subscribe", "unsubscribe") or not isinstance(names, list):
        return None
    if not all(isinstance(name, str) for name in names):
        return None
    return verb, names


def _localised(data: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return a node's readings with local times and milliseconds; other data as it stands."""
    if "samples" not in data:
        return data
    now = now_us()
    shown = {**data, "samples": [_reading(sample, zone, now) for sample in data["samples"]]}
    if "inferences" in data:
        shown["inferences"] = [{**answer, "at": local_time.iso(answer["at"], zone)} for answer in data["inferences"]]
    return shown


def _reading(sample: dict[str, Any], zone: ZoneInfo, now: int) -> dict[str, Any]:
    at, rtt_us = sample["at"], sample["rtt_us"]
    shown = {name: value for name, value in sample.items() if name not in ("at", "rtt_us")}
    rtt_ms = None if rtt_us is None else rtt_us / 1000
    return {"at": local_time.iso(at, zone), "age_ms": max(0, now - at) // 1000, **shown, "rtt_ms": rtt_ms}
