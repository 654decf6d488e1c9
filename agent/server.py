"""The server's enrolment interface over HTTP, with its failures in words."""

import ipaddress
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from agent.errors import EnrolmentRefused, NotAMusterServer, ServerUnreachable, Usage
from muster import __version__
from muster.wire.enrolment import MAX_REQUEST_BYTES, EnrolmentResponse, ServerHello

HELLO_PATH = "/api/v1/enrolment/server"
ENROL_PATH = "/api/v1/enrolment"

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
MAX_ANSWER_BYTES = 64 * 1024  # an enrolment's answer has under two

# What the person at the device can do, where the server's own words do not say it.
_ADVICE = {
    "foreign_token": "leave --site and --tier out, or make a token for them",
    "name_taken": "choose another --name",
    "malformed": "check --name, --site and --device-type, and that agent and server are of one release",
    "throttled": "wait a minute and run the same command again",
    "too_large": "shorten --name and --device-type",
}

_Document = TypeVar("_Document", ServerHello, EnrolmentResponse)


class Server:
    """One server at one address. Redirects are not followed: a token goes where the operator said."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Prepare to talk; nothing is sent yet.

        Args:
            url: http:// or https:// address, with or without a path in front of /api.
            transport: how requests travel, the network by default.

        Raises:
            Usage: not such an address.
        """
        self.url = _checked(url)
        # No proxy from the environment: the gateway is dialled without one too.
        self._client = httpx.Client(
            base_url=self.url,
            timeout=TIMEOUT,
            trust_env=False,
            transport=transport,
            headers={"User-Agent": f"muster-agent/{__version__}", "Accept": "application/json"},
        )

    @property
    def is_overheard(self) -> bool:
        """Whether what is sent travels unencrypted over a network."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and not _is_loopback(parts.hostname or "")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def hello(self, nonce: str) -> ServerHello:
        """Return who the server says it is, for this nonce; nothing is verified here."""
        try:
            status, content = self._send(self._client.build_request("GET", HELLO_PATH, params={"nonce": nonce}))
        except _Garbled as error:
            raise self._no_muster("does not speak HTTP") from error
        if status != httpx.codes.OK:
            raise self._no_muster(f"answers {status} to the question who it is")
        return self._document(content, ServerHello)

    def enrol(self, body: bytes) -> EnrolmentResponse:
        """Send an enrolment request and return the answer; its signature is not verified here.

        Raises:
            EnrolmentRefused: the server said no, for a reason.
            ServerUnreachable: no answer; the enrolment may have happened.
        """
        if len(body) > MAX_REQUEST_BYTES:
            size = f"the enrolment request has {len(body)} bytes, a server takes {MAX_REQUEST_BYTES}"
            raise EnrolmentRefused(f"{size}; {_ADVICE['too_large']}")
        headers = {"Content-Type": "application/json"}
        status, content = self._send(self._client.build_request("POST", ENROL_PATH, content=body, headers=headers))
        if status >= 400:
            raise self._refusal(status, content)
        return self._document(content, EnrolmentResponse)

    def _send(self, request: httpx.Request) -> tuple[int, bytes]:
        """Return status and body of the answer, with the network's failures in words."""
        try:
            response = self._client.send(request, stream=True)
            try:
                content = self._read(response)
            finally:
                response.close()
        except httpx.ConnectTimeout as error:
            raise self._unreachable(f"did not answer within {TIMEOUT.connect:g} s") from error
        except httpx.TimeoutException as error:
            raise self._unreachable(f"took the connection but did not answer within {TIMEOUT.read:g} s") from error
        except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise _Garbled(f"{self.url} broke off in its answer ({error})") from error
        except httpx.TransportError as error:
            raise self._unreachable(f"cannot be reached ({error})") from error
        self._refuse_elsewhere(response)
        if response.status_code >= 500:
            raise self._unreachable(f"answers {response.status_code}: it is failing or still starting")
        return response.status_code, content

    def _read(self, response: httpx.Response) -> bytes:
        content = b""
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise self._no_muster(f"answers with more than {MAX_ANSWER_BYTES} bytes")
        return content

    def _refuse_elsewhere(self, response: httpx.Response) -> None:
        if response.is_redirect:
            target = response.headers["location"]
            raise NotAMusterServer(f"{self.url} redirects to {target}; if that is your server, name it with --server")

    def _refusal(self, status: int, content: bytes) -> EnrolmentRefused | NotAMusterServer:
        try:
            answer = msgspec.json.decode(content, type=_Refusal)
        except msgspec.DecodeError:
            if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
                answer = _Refusal("too_large", "the request is too large")
            else:
                return self._no_muster(f"answers {status} to the enrolment, and does not say why")
        reason = f"{self.url} refused: {answer.detail.rstrip('.')} ({answer.code})"
        advice = _ADVICE.get(answer.code)
        return EnrolmentRefused(f"{reason}; {advice}" if advice else reason)

    def _document(self, content: bytes, kind: type[_Document]) -> _Document:
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.DecodeError as error:
            raise self._no_muster("answers, but not as a Muster server does") from error

    def _unreachable(self, what: str) -> ServerUnreachable:
        return ServerUnreachable(f"{self.url} {what}; check --server, the network, and that the server runs")

    def _no_muster(self, what: str) -> NotAMusterServer:
        return NotAMusterServer(f"{self.url} {what}; check --server")


class _Garbled(ServerUnreachable):
    """No HTTP came back: what answers never speaks it, or the connection broke."""


class _Refusal(msgspec.Struct, frozen=True):
    code: str
    detail: str


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761, section 6.3


def _checked(url: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        Usage: it is none.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        httpx.URL(url).host.encode("idna")  # labels that no resolver takes
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise Usage(f"--server {url!r} is no address; write it as http://host:port or https://host")
    return url.rstrip("/")
