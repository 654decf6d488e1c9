"""`manage.py publish_model`: a model from nothing to published in one line, and refusals in one line."""

import json

import pytest
from django.core.management import CommandError, call_command

from fleet.registry.models import Artifact, Model, ModelVersion
from fleet.registry.services import parts
from fleet.trust.models import Event
from tests.fleet.registry.weights import tensors, whole_file


@pytest.fixture
def run(capsys):
    def run(*words: object) -> str:
        call_command("publish_model", *map(str, words))
        return capsys.readouterr().out

    return run


def test_a_workloads_name_alone_publishes_first_weights(run, root):
    said = run("digits", "--note", "for the demo")
    version = ModelVersion.objects.select_related("model").get()
    assert (version.model.name, version.model.site, version.number, version.note) == ("digits", root, 1, "for the demo")
    assert (version.state, version.seed) == ("published", 0)
    assert f"manifest_sha256: {version.manifest_sha256}\n" in said
    for artifact in Artifact.objects.select_related("component"):
        line = f"{artifact.component.name} ({artifact.variant}): {artifact.size_bytes:,} bytes, "
        assert f"{line}{artifact.parameters:,} parameters, {artifact.flops:,} FLOPs\n" in said
    assert Event.objects.get(verb="version.published").actor_label == "manage.py"


def test_publishing_again_says_that_the_weights_are_the_same(run, root):
    run("digits", "--seed", 4)
    said = run("digits", "--seed", 4)
    assert "version: 2\n" in said
    assert "same weights as version: 1\n" in said
    assert "same weights" not in run("digits", "--seed", 5)
    assert Model.objects.count() == 1


def test_a_file_is_published_with_its_parent(run, root, tmp_path):
    run("digits", "--name", "numbers")
    whole_file(tmp_path / "mine.safetensors", tensors("digits", seed=2))
    told = json.loads(
        run("digits", "--name", "numbers", "--weights", tmp_path / "mine.safetensors", "--parent", 1, "--json")
    )
    version = ModelVersion.objects.get(number=2)
    assert (version.origin, version.parent.number, version.seed) == ("uploaded", 1, None)
    assert told["manifest_sha256"] == version.manifest_sha256
    assert [(shard["component"], shard["variant"]) for shard in told["shards"]] == [
        ("vision", "full"),
        ("vision", "light"),
        ("head", "full"),
    ]
    assert (tmp_path / "mine.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "workload"),
        (["digits", "--site", "nowhere"], "no site 'nowhere'"),
        (["digits", "--site", "north/plant-a"], "site"),
        (["digits", "--name", "UP"], "name"),
        (["digits", "--seed", "-1"], "seed"),
        (["digits", "--parent", "1"], "no version 1"),
        (["digits", "--note", "x" * 201], "note"),
        (["digits", "--weights", "/nowhere/at/all"], "No such file"),
        (["digits", "--weights", "/dev/null"], "0 bytes"),
        (["digits", "--weights", "/x", "--seed", "1"], "either"),
        (["digits", "--weights", "JUNK"], "refused (header_not_object)"),
    ],
)
def test_a_refusal_is_one_line(site, tmp_path, words, said):
    junk = tmp_path / "junk"
    junk.write_bytes(b"\2\0\0\0\0\0\0\0[]")
    with pytest.raises(CommandError) as caught:
        call_command("publish_model", *(str(junk) if word == "JUNK" else word for word in words))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not ModelVersion.objects.filter(state="published").exists()


def test_a_name_of_another_workload_is_refused(run, root):
    run("digits", "--name", "ward")
    with pytest.raises(CommandError, match="is of the workload digits"):
        run("eldercare", "--name", "ward")


def test_with_two_tenants_one_must_be_named(run, root, make_site):
    south = make_site("south")
    with pytest.raises(CommandError, match="north, south"):
        run("digits")
    run("digits", "--site", "south")
    assert Model.objects.get().site == south


def test_a_file_beyond_the_largest_size_is_refused_before_it_is_stored(root, settings, tmp_path):
    settings.MUSTER_MAX_ARTIFACT_BYTES = 10
    settings.MUSTER_DATA_DIR = tmp_path / "var"
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(CommandError, match="11 bytes"):
        call_command("publish_model", "digits", "--weights", str(tmp_path / "big"))
    assert not (tmp_path / "var").exists()
    assert not Model.objects.exists()


def test_a_full_disk_is_one_line(root, tmp_path, monkeypatch):
    (tmp_path / "some").write_bytes(b"x")
    monkeypatch.setattr(parts, "RESERVE_BYTES", 1 << 62)
    with pytest.raises(CommandError, match="not enough room"):
        call_command("publish_model", "digits", "--weights", str(tmp_path / "some"))
