"""The command line of `manage.py up`."""

from pathlib import Path

import pytest

from config.supervisor.options import parse


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    return tmp_path


def test_nothing_typed_means_seven_devices_on_this_machine_alone(data_dir: Path) -> None:
    options = parse([])

    assert (options.host, options.port, options.gateway_port) == ("127.0.0.1", 8000, 8001)
    assert (options.agents, options.workers, options.data_dir) == (7, True, data_dir)


def test_everything_can_be_chosen() -> None:
    options = parse(["--host", "0.0.0.0", "--port", "9000", "--agents", "0", "--no-workers"])

    assert (options.host, options.gateway_port, options.agents, options.workers) == ("0.0.0.0", 9001, 0, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "65535"], "a port is between 1 and 65534"),
        (["--port", "many"], "a port is between 1 and 65534"),
        (["--agents", "-1"], "0 or more"),
    ],
)
def test_a_senseless_choice_ends_with_a_hint(arguments, message, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(arguments)

    assert end.value.code == 2
    assert message in capsys.readouterr().err
