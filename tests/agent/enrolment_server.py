"""A server for the enrolment tests: `muster.wire.enrolment` behind a real HTTP socket, faults included."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muster.canon.signatures import (
    ENROL_REQUEST,
    ENROL_RESPONSE,
    ENROL_SERVER,
    Signature,
    fingerprint,
    public_bytes,
    sign,
    verify,
)
from muster.clock import now_us
from muster.ids import uuid7
from muster.wire.enrolment import (
    EnrolmentRequest,
    EnrolmentResponse,
    JsonSignature,
    ServerHello,
    b64decode,
    b64encode,
)

TOKEN = "mst_AAAABBBBCCCCDDDDEEEEFFFFGG"
UNSIGNED = JsonSignature("ed25519", "", "")


@dataclass
class EnrolmentServer:
    """Answers as the registry does, unless told to fail.

    Attributes:
        signing_key: signs; another one than `key` is an impostor that shows `key`.
        hello_answer, enrol_answer: (status, headers, body) to give instead.
        lose_answers: how many enrolments are done and then not answered.
        response_key: signs the answer to the enrolment.
    """

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    signing_key: Ed25519PrivateKey | None = None
    response_key: Ed25519PrivateKey | None = None
    hello_answer: tuple[int, dict[str, str], bytes] | None = None
    enrol_answer: tuple[int, dict[str, str], bytes] | None = None
    lose_answers: int = 0
    nodes: dict[str, str] = field(default_factory=dict)  # public key to node
    requests: list[EnrolmentRequest] = field(default_factory=list)
    url: str = ""

    @property
    def pin(self) -> str:
        return fingerprint(public_bytes(self.key))

    def refuse(self, status: int, code: str, detail: str) -> None:
        body = json.dumps({"code": code, "detail": detail}).encode()
        self.enrol_answer = (status, {"Content-Type": "application/json"}, body)

    def hello(self, nonce: str) -> bytes:
        shown = b64encode(public_bytes(self.key))
        parts: dict[str, Any] = {
            "nonce": nonce,
            "at_us": now_us(),
            "gateway_url": "ws://127.0.0.1:1",
            "server_key": shown,
        }
        signature = sign(self.signing_key or self.key, ENROL_SERVER, ServerHello.signed_part(**parts))
        if self.signing_key:  # an impostor says what is expected, it only cannot sign it
            signature = Signature(signature.algorithm, self.pin, signature.value)
        return msgspec.json.encode(ServerHello(**parts, signature=_as_json(signature)))

    def enrol(self, body: bytes) -> bytes | None:
        request = msgspec.json.decode(body, type=EnrolmentRequest)
        proof = Signature(request.proof.algorithm, request.proof.key_id, b64decode(request.proof.value))
        verify(b64decode(request.public_key), ENROL_REQUEST, request.signed_part(), proof)
        self.requests.append(request)
        node = self.nodes.setdefault(request.public_key, str(uuid7()))
        if self.lose_answers:
            self.lose_answers -= 1
            return None
        response = EnrolmentResponse(
            node, request.name or "host", "plant/line-1", "edge", "pending", "ws://127.0.0.1:1", UNSIGNED
        )
        signed = sign(self.response_key or self.key, ENROL_RESPONSE, response.signed_part(request.proof.value))
        return msgspec.json.encode(msgspec.structs.replace(response, signature=_as_json(signed)))

    @contextmanager
    def listen(self) -> Iterator["EnrolmentServer"]:
        with ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def _as_json(signature: Signature) -> JsonSignature:
    return JsonSignature(signature.algorithm, signature.key_id, b64encode(signature.value))


def _handler(server: EnrolmentServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            assert address.path == "/api/v1/enrolment/server"
            (nonce,) = parse_qs(address.query)["nonce"]
            self._answer(server.hello_answer or (200, {}, server.hello(nonce)))

        def do_POST(self) -> None:
            assert self.path == "/api/v1/enrolment"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if server.enrol_answer:
                return self._answer(server.enrol_answer)
            answer = server.enrol(body)
            if answer is None:
                self.close_connection = True
                return None
            return self._answer((201, {}, answer))

        def _answer(self, answer: tuple[int, dict[str, str], bytes]) -> None:
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    return Handler
