"""What the supervisor tells its children: settings where none are given, and devices no secret."""

import stat
from pathlib import Path

import pytest

from config.env import read_env_file
from config.supervisor import environment
from config.supervisor.options import Options


def options(folder: Path, host: str = "127.0.0.1") -> Options:
    return Options(host, 8000, agents=0, workers=True, data_dir=folder)


def test_addresses_follow_host_and_port(tmp_path: Path) -> None:
    settings = environment.settings(options(tmp_path), [], {})

    assert settings["MUSTER_PUBLIC_URL"] == "http://127.0.0.1:8000"
    assert settings["MUSTER_GATEWAY_URL"] == "ws://127.0.0.1:8001"
    assert settings["MUSTER_ALLOWED_HOSTS"] == "127.0.0.1,localhost"


def test_a_given_setting_is_left_as_it_is(tmp_path: Path) -> None:
    given = {"MUSTER_PUBLIC_URL": "https://muster.example", "MUSTER_SECRET_KEY_FILE": "/run/secrets/key"}
    settings = environment.settings(options(tmp_path), [], given)

    assert not settings.keys() & {"MUSTER_PUBLIC_URL", "MUSTER_SECRET_KEY"}
    assert "muster.example" in settings["MUSTER_ALLOWED_HOSTS"].split(",")
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(("host", "public"), [("::1", "http://[::1]:8000"), ("0.0.0.0", r"http://")])
def test_an_address_that_is_no_name_is_spelled_for_a_url(tmp_path: Path, host: str, public: str) -> None:
    url = environment.public_url(options(tmp_path, host), {})

    assert url.startswith(public)
    assert "0.0.0.0" not in url


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = environment.settings(options(tmp_path), [], {})["MUSTER_SECRET_KEY"]

    assert first == environment.settings(options(tmp_path), [], {})["MUSTER_SECRET_KEY"]
    assert len(first) >= 50
    assert stat.S_IMODE((tmp_path / "keys" / "secret_key").stat().st_mode) == 0o600


def test_the_written_file_gives_back_what_was_written_to_its_owner_alone(tmp_path: Path) -> None:
    settings = environment.settings(options(tmp_path), [], {})
    path = environment.write(tmp_path, settings)

    assert read_env_file(path) == settings
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_device_gets_none_of_the_servers_settings(tmp_path: Path) -> None:
    settings = environment.settings(options(tmp_path), [], {})
    device = environment.for_agent(settings)

    assert {name for name in device if name.startswith("MUSTER_")} == {"MUSTER_DATA_DIR"}


@pytest.mark.parametrize(("public", "trusted"), [("http://127.0.0.1:8000", ""), ("https://m.example", "127.0.0.1,::1")])
def test_a_claimed_address_is_believed_from_a_proxy_alone(monkeypatch, public: str, trusted: str) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert environment.for_server({"MUSTER_PUBLIC_URL": public})["FORWARDED_ALLOW_IPS"] == trusted


def test_whoever_names_their_proxies_is_heard(monkeypatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    assert environment.for_server({"MUSTER_PUBLIC_URL": "http://x"})["FORWARDED_ALLOW_IPS"] == "192.0.2.1"
