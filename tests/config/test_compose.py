"""docker-compose.yml says what the Compose Specification allows, and names only what exists."""

import json
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import get_commands

from config.settings import env

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = sorted(name for name, service in SERVICES.items() if service["image"].startswith("muster-server"))
SCHEMA = Path(__file__).parent / "data" / "compose_spec.json"


def test_the_file_is_valid_by_the_specification() -> None:
    described = {key: value for key, value in COMPOSE.items() if key != "name"}
    jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text())).validate(described)

    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", COMPOSE["name"])


def test_the_schema_refuses_what_is_wrong() -> None:
    broken = {"services": {"web": {"image": "a", "retsart": "always"}}}
    with pytest.raises(jsonschema.ValidationError, match="retsart"):
        jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text())).validate(broken)


def test_every_process_of_the_design_is_there() -> None:
    assert set(SERVICES) == {
        "proxy", "prepare", "web", "gateway", "pulse", "worker-control", "worker-rollout", "worker-aggregation",
        "beat", "postgres", "valkey", "agent",
    }  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_every_command_exists(name: str) -> None:
    for words in (SERVICES[name]["command"], SERVICES[name].get("healthcheck", {}).get("test", ["CMD"])[1:]):
        if words[:2] == ["python", "manage.py"]:
            assert words[2] in get_commands()
        elif words[:2] == ["python", "-m"]:
            assert import_module(words[2])
            for target in (word for word in words if re.fullmatch(r"config\.\w+(:\w+)?", word)):
                module = Path(ROOT, *target.partition(":")[0].split(".")).with_suffix(".py")
                assert f"{target.partition(':')[2] or 'app'} = " in module.read_text()
        elif words:
            assert words[:2] == ["python", "-c"]
            compile(words[2], name, "exec")


def test_every_queue_has_its_worker() -> None:
    from config.celery import app

    queues = {
        service["command"][service["command"].index("--queues") + 1]
        for service in SERVICES.values()
        if "--queues" in service.get("command", [])
    }
    assert queues == {queue.name for queue in app.conf.task_queues}


@pytest.mark.parametrize("name", OWN)
def test_every_option_of_manage_py_is_known(name: str) -> None:
    from django.core.management import load_command_class

    words = SERVICES[name]["command"]
    if words[:2] == ["python", "manage.py"]:
        parser = load_command_class(get_commands()[words[2]], words[2]).create_parser("manage.py", words[2])
        assert parser.parse_args(words[3:])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_setting_exists(name: str) -> None:
    known = env.names | {"MUSTER_HOST"}  # the proxy's own
    for setting in SERVICES[name].get("environment", {}):
        if setting.startswith("MUSTER_"):
            assert setting.removesuffix("_FILE") in known


def test_every_file_and_secret_exists(tmp_path: Path) -> None:
    maker = tmp_path / "make-secrets"
    maker.write_bytes((ROOT / "deploy" / "make-secrets").read_bytes())
    subprocess.run(["/bin/sh", str(maker)], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == set(made)
    assert len(made["secret_key"]) >= 50
    assert made["database_password"] in made["database_url"]
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists()


def test_secrets_are_made_once_and_differ_between_installations(tmp_path: Path) -> None:
    def make(folder: Path) -> dict[str, str]:
        folder.mkdir(exist_ok=True)
        (folder / "make-secrets").write_bytes((ROOT / "deploy" / "make-secrets").read_bytes())
        subprocess.run(["/bin/sh", str(folder / "make-secrets")], check=True, capture_output=True)
        return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}

    first, again, other = make(tmp_path / "a"), make(tmp_path / "a"), make(tmp_path / "b")
    assert first == again
    assert all(first[name] != other[name] for name in first)
    assert (tmp_path / "a" / "secrets").stat().st_mode & 0o777 == 0o700


def test_no_password_is_written_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD|SECRET|TOKEN", name) or name.endswith("_FILE"), name
            assert "@" not in str(value)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_is_pinned(name: str) -> None:
    assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$", SERVICES[name]["image"])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"prepare"}))
def test_everything_that_stays_up_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["proxy"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in [*OWN, "postgres", "valkey"]:
        assert SERVICES[name]["networks"] == ["inside"]


def test_the_images_run_as_somebody_who_is_not_root() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    for stage in stages:
        if stage.split("\n")[0].endswith(("AS server", "AS agent")):
            assert re.search(r"^USER muster$", stage, flags=re.MULTILINE)


def test_the_dockerfile_names_what_exists() -> None:
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        words = shlex.split(line, comments=True) if line.startswith("COPY") and "--from" not in line else []
        for source in words[1:-1]:
            assert (ROOT / source).exists(), source


def test_what_nodes_ask_for_goes_to_the_gateway_and_everything_else_to_the_pages() -> None:
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    routes = re.findall(r"handle ?(\S*) {\s+reverse_proxy (\S+)", caddyfile)
    assert dict(routes) == {"@devices": "gateway:8001", "": "web:8000"}
    assert re.findall(r"@devices path (.*)", caddyfile) == ["/node /artifacts/* /updates /updates/*"]


def test_gateway_and_web_share_the_folder_of_the_blobs() -> None:
    assert "data:/var/lib/muster" in SERVICES["web"]["volumes"]
    assert "data:/var/lib/muster" in SERVICES["gateway"]["volumes"]
