"""The readers of the environment."""

from pathlib import Path

import pytest

from config.env import ConfigError, Env, read_env_file


def test_the_environment_wins_over_the_written_file() -> None:
    env = Env({"MUSTER_REDIS_URL": "redis://given"}, fallback={"MUSTER_REDIS_URL": "unix:///written"})

    assert env.text("MUSTER_REDIS_URL") == "redis://given"


def test_the_written_file_fills_what_the_environment_lacks() -> None:
    assert Env({}, fallback={"MUSTER_REDIS_URL": "unix:///written"}).text("MUSTER_REDIS_URL") == "unix:///written"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")

    assert Env({"MUSTER_SECRET_KEY_FILE": str(secret)}).text("MUSTER_SECRET_KEY") == "from the file"


def test_a_value_and_its_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MUSTER_SECRET_KEY and MUSTER_SECRET_KEY_FILE are both set"):
        Env({"MUSTER_SECRET_KEY": "a", "MUSTER_SECRET_KEY_FILE": str(tmp_path)}).text("MUSTER_SECRET_KEY")


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere, which cannot be read: No such file"):
        Env({"MUSTER_SECRET_KEY_FILE": str(tmp_path / "nowhere")}).text("MUSTER_SECRET_KEY")


def test_a_missing_setting_names_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"MUSTER_DATABASE_URL is not set.*make up"):
        Env({}).text("MUSTER_DATABASE_URL")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("0", False)])
def test_a_flag_has_several_spellings(text: str, value: bool) -> None:
    assert Env({"MUSTER_DEBUG": text}).flag("MUSTER_DEBUG", default=not value) is value


@pytest.mark.parametrize(
    ("text", "message"), [("many", "must be a whole number"), ("1", "must be 2 or more"), ("", "whole number")]
)
def test_a_number_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Env({"MUSTER_LEASE_SECONDS": text}).integer("MUSTER_LEASE_SECONDS", 6, least=2)


def test_a_number_above_its_bound_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be 10 or less"):
        Env({"MUSTER_RAW_HOURS": "11"}).integer("MUSTER_RAW_HOURS", 6, most=10)


def test_a_list_drops_its_empty_items() -> None:
    assert Env({"MUSTER_ALLOWED_HOSTS": "a, b,,"}).words("MUSTER_ALLOWED_HOSTS", "") == ["a", "b"]


def test_every_setting_asked_for_is_remembered() -> None:
    env = Env({"MUSTER_DEBUG": "1"})
    env.flag("MUSTER_DEBUG", default=False)

    assert env.names == {"MUSTER_DEBUG"}


def test_a_written_file_is_read_without_its_comments(tmp_path: Path) -> None:
    file = tmp_path / "embedded.env"
    file.write_text("# A=comment\nMUSTER_REDIS_URL=unix:///s?db=0\n")

    assert read_env_file(file) == {"MUSTER_REDIS_URL": "unix:///s?db=0"}


def test_no_written_file_is_no_error(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / "none") == {}
