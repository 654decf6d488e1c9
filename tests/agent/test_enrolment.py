"""A device enrols once, trusts only the pinned server, and leaves nothing half made."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent import identity, store
from agent.cli import main
from agent.home import Home
from agent.server import Server
from muster.canon.signatures import fingerprint, public_bytes
from muster.wire.enrolment import MAX_REQUEST_BYTES
from tests.agent.enrolment_server import TOKEN, EnrolmentServer


@pytest.fixture
def server() -> Iterator[EnrolmentServer]:
    with EnrolmentServer().listen() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that is not made yet."""
    return Home(tmp_path / "new" / "home")


def enrol(home: Home, server: EnrolmentServer, *more: str, url: str | None = None, pin: str | None = None) -> int:
    address = url or server.url
    return main(
        ["enrol", "--server", address, "--token", TOKEN, "--pin", pin or server.pin, "--home", str(home.path), *more]
    )


def nothing_is_left(home: Home) -> bool:
    return not home.path.exists()


def test_an_enrolled_device_knows_its_node_server_and_gateway(home: Home, server: EnrolmentServer) -> None:
    assert enrol(home, server, "--name", "press-1", "--data", str(home.path.parent.parent)) == 0
    enrolment = store.load(home)
    assert (enrolment.name, enrolment.site, enrolment.tier) == ("press-1", "plant/line-1", "edge")
    assert enrolment.node in server.nodes.values()
    assert enrolment.gateway_url == "ws://127.0.0.1:1"
    assert enrolment.data_dir == str(home.path.parent.parent.resolve())


def test_the_fingerprint_is_shown_for_the_operator_to_compare(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enrol(home, server) == 0
    assert f"{identity.shown(home)}\n" in capsys.readouterr().out


def test_the_inventory_is_this_machines(home: Home, server: EnrolmentServer) -> None:
    assert enrol(home, server) == 0
    inventory = server.requests[0].inventory
    assert inventory.hostname == socket.gethostname()
    assert inventory.cpu_cores == os.cpu_count()
    assert inventory.memory_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert min(inventory.speed.hash_bytes_per_s, inventory.speed.memory_bytes_per_s) > 1_000_000


def test_key_and_record_are_for_the_owner_alone(home: Home, server: EnrolmentServer) -> None:
    assert enrol(home, server) == 0
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (home.identity, home.enrolment)} == {0o600}


def test_the_token_is_not_sent_to_a_server_with_another_key(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = fingerprint(public_bytes(Ed25519PrivateKey.generate()))
    assert enrol(home, server, pin=other) == 9
    assert server.requests == []
    assert "is pinned" in capsys.readouterr().err
    assert nothing_is_left(home)


def test_the_token_is_not_sent_to_a_server_that_only_shows_the_key(home: Home, server: EnrolmentServer) -> None:
    server.signing_key = Ed25519PrivateKey.generate()
    assert enrol(home, server) == 9
    assert server.requests == []
    assert nothing_is_left(home)


def test_without_a_pin_the_fingerprint_is_shown_and_nothing_is_sent(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["enrol", "--server", server.url, "--token", TOKEN, "--home", str(home.path)]
    assert main(arguments) == 9
    assert server.pin in capsys.readouterr().err
    assert server.requests == []
    assert main([*arguments, "--trust-on-first-use"]) == 0


def test_an_answer_signed_by_another_key_is_not_written(home: Home, server: EnrolmentServer) -> None:
    server.response_key = Ed25519PrivateKey.generate()
    assert enrol(home, server) == 9
    assert not home.enrolment.exists()


def test_a_lost_answer_is_fetched_by_the_same_command(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.lose_answers = 1
    assert enrol(home, server) == 7
    assert "safe to run again" in capsys.readouterr().err
    assert not home.enrolment.exists()
    assert enrol(home, server) == 0
    first, second = server.requests
    assert (first.token, first.public_key) == (second.token, second.public_key)
    assert list(server.nodes.values()) == [store.load(home).node]


def test_an_enrolled_home_names_its_node_and_stays_as_it_is(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enrol(home, server, "--name", "press-1") == 0
    before = (home.identity.read_bytes(), home.enrolment.read_bytes())
    assert enrol(home, server, "--name", "press-2") == 4
    assert "press-1" in capsys.readouterr().err
    assert (home.identity.read_bytes(), home.enrolment.read_bytes()) == before
    assert len(server.requests) == 1


def test_an_enrolled_home_is_named_also_while_its_agent_runs(home: Home, server: EnrolmentServer) -> None:
    assert enrol(home, server) == 0
    with home.locked():
        assert enrol(home, server) == 4


REFUSALS = [
    (403, "token_unknown", "This token is not known"),
    (403, "token_used_up", "This token is used up"),
    (403, "token_expired", "This token has expired"),
    (403, "token_revoked", "This token was revoked"),
    (403, "foreign_token", "This token is for plant/line-2"),
    (409, "key_known", "This key is a node already"),
    (409, "name_taken", "The name press-1 is taken"),
    (413, "too_large", "The request is too large"),
    (429, "throttled", "Too many attempts"),
]


@pytest.mark.parametrize(("status", "code", "detail"), REFUSALS, ids=[code for _, code, _ in REFUSALS])
def test_a_refusal_is_one_clear_line_and_leaves_nothing(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str], status: int, code: str, detail: str
) -> None:
    server.refuse(status, code, detail)
    assert enrol(home, server) == 10
    error = capsys.readouterr().err
    assert detail in error
    assert code in error
    assert error.count("\n") == 1
    assert nothing_is_left(home)


def test_a_proxy_that_says_too_large_is_understood(home: Home, server: EnrolmentServer) -> None:
    server.enrol_answer = (413, {}, b"<html>Request Entity Too Large</html>")
    assert enrol(home, server) == 10


def test_a_request_that_no_server_takes_is_not_sent(home: Home, server: EnrolmentServer) -> None:
    assert enrol(home, server, "--device-type", "x" * MAX_REQUEST_BYTES) == 10
    assert server.requests == []
    assert nothing_is_left(home)


def answer_html(server: EnrolmentServer) -> None:
    server.hello_answer = (200, {"Content-Type": "text/html"}, b"<html>hello</html>")


def answer_not_found(server: EnrolmentServer) -> None:
    server.hello_answer = (404, {}, b"")


def answer_endlessly(server: EnrolmentServer) -> None:
    server.hello_answer = (200, {}, b" " * 100_000)


def answer_redirect(server: EnrolmentServer) -> None:
    server.hello_answer = (302, {"Location": "http://elsewhere.invalid/"}, b"")


def answer_malformed_key(server: EnrolmentServer) -> None:
    body = server.hello("n").replace(b'"server_key":"', b'"server_key":"!')
    server.hello_answer = (200, {}, body)


def answer_malformed_enrolment(server: EnrolmentServer) -> None:
    server.enrol_answer = (201, {}, b"{}")


def answer_bare_refusal(server: EnrolmentServer) -> None:
    server.enrol_answer = (403, {}, b"no")


@pytest.mark.parametrize(
    "fault",
    [
        answer_html,
        answer_not_found,
        answer_endlessly,
        answer_redirect,
        answer_malformed_key,
        answer_malformed_enrolment,
        answer_bare_refusal,
    ],
)
def test_what_is_no_muster_server_is_called_that(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str], fault: Callable[[EnrolmentServer], None]
) -> None:
    fault(server)
    assert enrol(home, server) == 8
    assert "--server" in capsys.readouterr().err
    assert not home.enrolment.exists()


def test_a_failing_server_is_told_from_a_wrong_one(home: Home, server: EnrolmentServer) -> None:
    server.hello_answer = (503, {}, b"")
    assert enrol(home, server) == 7
    assert nothing_is_left(home)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://user@host",
        "http://host/?q=1",
        "http://[::1",
        "http://" + "a" * 70,
        "http://a..b",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(home: Home, server: EnrolmentServer, url: str) -> None:
    assert enrol(home, server, url=url) == 2
    assert nothing_is_left(home)


def test_an_unknown_host_and_a_closed_port_are_unreachable(home: Home, server: EnrolmentServer) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for url in ("http://muster.invalid", f"http://127.0.0.1:{port}"):
        assert enrol(home, server, url=url) == 7
        assert nothing_is_left(home)


def test_a_server_that_speaks_no_http_is_no_muster_server(home: Home, server: EnrolmentServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener,))
        thread.start()
        assert enrol(home, server, url=f"http://127.0.0.1:{listener.getsockname()[1]}") == 8
        thread.join()
    assert nothing_is_left(home)


def _greet(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.mark.parametrize("pin", ["abc", "sha256:12", "md5:" + "0" * 64])
def test_a_pin_that_is_no_fingerprint_is_refused(home: Home, server: EnrolmentServer, pin: str) -> None:
    assert enrol(home, server, pin=pin) == 2


def test_a_data_folder_that_is_not_there_is_refused(home: Home, server: EnrolmentServer) -> None:
    assert enrol(home, server, "--data", str(home.path / "absent")) == 2
    assert nothing_is_left(home)


def test_a_home_that_cannot_be_made_is_refused_before_anything_is_sent(
    tmp_path: Path, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert enrol(Home(tmp_path / "file" / "home"), server) == 5
    assert "--home" in capsys.readouterr().err
    assert server.requests == []


def test_a_folder_with_somebody_elses_files_is_no_home(tmp_path: Path, server: EnrolmentServer) -> None:
    (tmp_path / "thesis.tex").write_text("")
    mode = tmp_path.stat().st_mode
    assert enrol(Home(tmp_path), server) == 5
    assert tmp_path.stat().st_mode == mode


def test_a_damaged_key_is_not_replaced(home: Home, server: EnrolmentServer) -> None:
    home.prepare()
    home.identity.write_text("nonsense")
    assert enrol(home, server) == 5
    assert home.identity.read_text() == "nonsense"


@pytest.mark.parametrize(
    ("url", "overheard"),
    [
        ("http://muster.example:8000", True),
        ("http://192.0.2.7", True),
        ("https://muster.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://localhost:8000", False),
    ],
)
def test_a_token_over_plain_http_is_overheard_unless_it_stays_on_this_machine(url: str, overheard: bool) -> None:
    server = Server(url)
    server.close()
    assert server.is_overheard is overheard


def test_enrolling_over_an_unencrypted_network_is_warned_of_in_one_line(
    home: Home, server: EnrolmentServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enrol(home, server) == 0
    assert capsys.readouterr().err == ""
    # RFC 6761: a name that never resolves
    assert enrol(Home(home.path.with_name("other")), server, url="http://nowhere.invalid") == 7
    warning, _refusal = capsys.readouterr().err.splitlines()
    assert warning == (
        "muster-agent: warning: the token travels to http://nowhere.invalid unencrypted; use https:// there"
    )
