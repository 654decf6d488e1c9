"""A browser's end of a live socket, without a browser."""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """Speaks ASGI's websocket messages to a consumer."""

    def __init__(self, application: Any, scope: dict[str, Any]) -> None:
        super().__init__(application, {"type": "websocket", "path": "/live", "headers": [], **scope})

    async def connect(self) -> dict[str, Any]:
        await self.send_input({"type": "websocket.connect"})
        return await self.receive_output(5)

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)

    async def send_json(self, document: Any) -> None:
        await self.send_text(json.dumps(document))

    async def send_text(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        await self.send_input({"type": "websocket.receive", "bytes": data})

    async def hear(self) -> Any:
        event = await self.receive_output(5)
        assert event["type"] == "websocket.send", event
        return json.loads(event["text"])
