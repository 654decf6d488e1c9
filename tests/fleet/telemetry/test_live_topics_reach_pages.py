import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from fleet.registry.models import Node
from fleet.telemetry import consumers
from fleet.telemetry.consumers import LiveConsumer
from fleet.telemetry.core.topics import live_message, node_topic, site_topic
from fleet.trust.models import Grant, Site, User
from fleet.trust.services import grants, passwords, users
from fleet.trust.services.actors import Actor
from muster.clock import now_us
from tests.fleet.telemetry.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def node(make_node: Any) -> Node:
    return make_node(online=True)


@contextlib.asynccontextmanager
async def page(user: User) -> AsyncIterator[Socket]:
    """A live socket of a signed-in person."""
    socket = await open_socket(user)
    try:
        yield socket
    finally:
        await socket.disconnect()
        await get_channel_layer().flush()


async def open_socket(user: User) -> Socket:
    session = await database_sync_to_async(signed_in)(user)
    socket = Socket(LiveConsumer.as_asgi(), {"user": user, "session": session})
    assert (await socket.connect())["type"] == "websocket.accept"
    return socket


def signed_in(user: User) -> SessionStore:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session


def reading(at: int) -> dict[str, Any]:
    figures = {"cpu": 0.5, "memory_used_bytes": 1, "load1": 0.1, "temperature_c": None, "battery": None}
    return {"at": at, "rtt_us": 1500, **figures}


async def test_the_owner_sees_a_reading_in_their_own_zone(operator: User, node: Node) -> None:
    operator.time_zone = "Asia/Shanghai"
    topic = node_topic(node.uid)
    at = 1_750_000_000_123_000
    async with page(operator) as socket:
        await socket.send_json({"subscribe": [topic]})
        assert await socket.hear() == {"subscribed": [topic]}
        data = {"epoch": 4, "samples": [reading(at)]}
        await get_channel_layer().group_send(topic, live_message(topic, 7, at, data))
        message = await socket.hear()
    (shown,) = message["data"].pop("samples")
    assert shown.pop("age_ms") > 0
    assert shown == {
        "at": "2025-06-15T23:06:40.123",
        "rtt_ms": 1.5,
        "cpu": 0.5,
        "memory_used_bytes": 1,
        "load1": 0.1,
        "temperature_c": None,
        "battery": None,
    }
    assert message == {"topic": topic, "seq": 7, "at": "2025-06-15T23:06:40.123", "data": {"epoch": 4}}


async def test_a_colleague_of_the_same_site_sees_it_and_a_stranger_does_not(
    viewer: User, user: User, node: Node, site: Site
) -> None:
    topics = [node_topic(node.uid), site_topic(site.pk)]
    async with page(viewer) as socket:
        await socket.send_json({"subscribe": topics})
        assert await socket.hear() == {"subscribed": sorted(topics)}
    async with page(user) as socket:
        await socket.send_json({"subscribe": topics})
        assert await socket.hear() == {"topic": topics[0], "error": "denied"}
        assert await socket.hear() == {"topic": topics[1], "error": "denied"}
        assert await socket.hear() == {"subscribed": []}
        await get_channel_layer().group_send(topics[0], live_message(topics[0], 1, now_us(), {"samples": []}))
        await socket.send_json({})
        assert await socket.hear() == {"error": "malformed"}  # nothing came before it


async def test_nobody_watches_without_signing_in() -> None:
    socket = Socket(LiveConsumer.as_asgi(), {"user": AnonymousUser()})
    refused = await socket.connect()
    assert (refused["type"], refused["code"]) == ("websocket.close", consumers.CLOSE_SIGNED_OUT)
    await socket.disconnect()
    await get_channel_layer().flush()


async def test_an_unsubscribed_topic_is_silent(operator: User, node: Node) -> None:
    topic = node_topic(node.uid)
    async with page(operator) as socket:
        await socket.send_json({"subscribe": [topic]})
        await socket.hear()
        await socket.send_json({"unsubscribe": [topic]})
        await socket.send_json({})
        assert await socket.hear() == {"error": "malformed"}  # both were handled
        await get_channel_layer().group_send(topic, live_message(topic, 1, now_us(), {"samples": []}))
        await socket.send_json({})
        assert await socket.hear() == {"error": "malformed"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"subscribe": "node.1"}',
        '{"subscribe": [1]}',
        '{"subscribe": [], "unsubscribe": []}',
        '{"shout": []}',
        "[" * 5000,
        '{"subscribe": ["' + "x" * consumers.MAX_MESSAGE_CHARS + '"]}',
    ],
)
async def test_malformed_text_gets_an_error_and_the_socket_lives(operator: User, text: str) -> None:
    async with page(operator) as socket:
        await socket.send_text(text)
        assert await socket.hear() == {"error": "malformed"}
        await socket.send_json({"subscribe": ["node.nothing"]})
        assert await socket.hear() == {"topic": "node.nothing", "error": "denied"}


async def test_bytes_get_an_error(operator: User) -> None:
    async with page(operator) as socket:
        await socket.send_bytes(b"\x00")
        assert await socket.hear() == {"error": "malformed"}


async def test_topics_past_the_bound_are_refused(
    operator: User, make_node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MAX_TOPICS", 1)
    made = database_sync_to_async(make_node)
    topics = [node_topic((await made()).uid), node_topic((await made()).uid)]
    async with page(operator) as socket:
        await socket.send_json({"subscribe": topics})
        refused = await socket.hear()
        assert refused["error"] == "too_many"
        assert refused["topic"] in topics
        assert len((await socket.hear())["subscribed"]) == 1


async def test_heartbeats_come_by_themselves(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT_S", 0.01)
    async with page(operator) as socket:
        assert [(await socket.hear())["seq"] for _ in range(2)] == [1, 2]


async def test_a_revoked_grant_ends_a_topic(operator: User, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    topic = node_topic(node.uid)
    async with page(operator) as socket:
        await socket.send_json({"subscribe": [topic]})
        await socket.hear()
        await Grant.objects.filter(user=operator).adelete()
        assert await socket.hear() == {"topic": topic, "error": "denied"}


@pytest.mark.parametrize("end", ["session", "account"])
async def test_the_socket_ends_with_the_session(operator: User, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    async with page(operator) as socket:
        if end == "session":
            await socket.scope["session"].adelete()
        else:
            await User.objects.filter(pk=operator.pk).aupdate(is_active=False)
        end_event = await socket.receive_output(5)
        assert (end_event["type"], end_event["code"]) == ("websocket.close", consumers.CLOSE_SIGNED_OUT)


@pytest.mark.parametrize("end", ["sign out", "deactivate", "password"])
async def test_an_access_that_ends_closes_the_socket_at_once(operator: User, end: str) -> None:
    async with page(operator) as socket:
        await database_sync_to_async(end_access)(operator, socket.scope["session"].session_key, end)
        event = await socket.receive_output(5)
        assert (event["type"], event["code"]) == ("websocket.close", consumers.CLOSE_SIGNED_OUT)


def end_access(user: User, session_key: str, end: str) -> None:
    tests = Actor.system("tests")
    if end == "deactivate":
        users.deactivate(user, actor=tests)
    elif end == "password":
        passwords.change(user, "another-long-passphrase", actor=tests)
    else:
        browser = Client()
        browser.cookies[settings.SESSION_COOKIE_NAME] = session_key
        browser.post("/sign-out")


async def test_a_role_that_is_taken_ends_a_topic_at_once(operator: User, node: Node, site: Site) -> None:
    topic = node_topic(node.uid)
    async with page(operator) as socket:
        await socket.send_json({"subscribe": [topic]})
        await socket.hear()
        take = database_sync_to_async(grants.take)
        await take(actor=Actor.system("tests"), user=operator, site=site)
        assert await socket.hear() == {"topic": topic, "error": "denied"}


async def test_somebody_elses_sign_out_ends_no_socket(operator: User, viewer: User) -> None:
    async with page(operator) as socket, page(viewer) as other:
        await database_sync_to_async(end_access)(viewer, other.scope["session"].session_key, "sign out")
        assert (await other.receive_output(5))["type"] == "websocket.close"
        await socket.send_json({})
        assert await socket.hear() == {"error": "malformed"}


async def test_a_page_that_falls_behind_is_dropped(operator: User, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer's send blocks, as the server's does when the peer does not read."""
    monkeypatch.setattr(consumers, "MAX_WAITING", 2)
    stuck = asyncio.Event()

    async def never(*args: Any, **kwargs: Any) -> None:
        await stuck.wait()

    topic = node_topic(node.uid)
    socket = await open_socket(operator)
    monkeypatch.setattr(LiveConsumer, "send", never)
    await socket.send_json({"subscribe": [topic]})
    for _ in range(4):
        await socket.send_json({})
    await socket.wait(5)
    await get_channel_layer().flush()
