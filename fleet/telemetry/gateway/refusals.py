"""What an HTTP request to the gateway is refused with: a status, a code for programs and a sentence for people."""

from typing import Any

from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.answers import Header


class Refusal(Exception):
    """An answer that gives the device nothing; `more` stands beside code and detail."""

    def __init__(self, status: int, code: str, detail: str, *headers: Header, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"code": code, "detail": detail, **more}
        self.headers = headers


def unauthenticated() -> Refusal:
    return Refusal(401, "unauthenticated", "The request is not signed by a node of this server.")


def forbidden() -> Refusal:
    return Refusal(403, "forbidden", "This node may not do this now.")


def unknown(detail: str) -> Refusal:
    return Refusal(404, "not_found", detail)


def busy(code: str, detail: str) -> Refusal:
    return Refusal(503, code, detail, (b"retry-after", str(limits.RETRY_AFTER_S).encode()))


def unavailable() -> Refusal:
    return busy("unavailable", "The database is away; try again.")
