"""A version is published whole, or refused with the reason, and nothing in between is ever seen."""

import hashlib
import json
import struct

import pytest
import safetensors.numpy
import torch

from fleet.registry.core.version_states import Origin
from fleet.registry.models import Artifact, Component, ModelVersion, Upload
from fleet.registry.services import blobs, cutting, models, versions
from fleet.registry.services.versions import UploadNotComplete
from fleet.trust.models import Event
from fleet.trust.services.errors import Conflict, InvalidInput
from muster.workloads import catalogue
from tests.conftest import TESTS
from tests.fleet.registry.weights import initial, tensors, uploaded, whole_file


def reference_weights_sha256(data: bytes) -> str:
    """The hash of a file's tensors, as the design says it, from the library's own reading of the file."""
    digest = hashlib.sha256()
    for name, array in sorted(safetensors.numpy.load(data).items(), key=lambda item: item[0].encode()):
        raw = array.tobytes()
        dtype = {"float32": "F32", "int64": "I64"}[array.dtype.name]
        for text in (name.encode(), dtype.encode()):
            digest.update(struct.pack(">Q", len(text)) + text)
        for number in (array.ndim, *array.shape, len(raw)):
            digest.update(struct.pack(">Q", number))
        digest.update(raw)
    return digest.hexdigest()


@pytest.mark.parametrize("workload", ["digits", "eldercare"])
def test_first_weights_are_published_in_every_variant(make_model, workload):
    declared = catalogue.get(workload)
    version = versions.publish(initial(make_model(workload=workload), seed=5).pk)
    assert (version.state, version.refusal, version.attempts) == ("published", "", 1)
    found = [
        (component.name, component.modality, component.default_tier, artifact.variant, artifact.is_reference)
        for component in version.components.all()
        for artifact in component.artifacts.all()
    ]
    assert found == [
        (component.name, component.modality, component.default_tier, variant.name, variant is component.variants[0])
        for component in declared.components
        for variant in component.variants
    ]


def test_what_a_version_says_of_its_shards_is_true(model):
    version = versions.publish(initial(model).pk)
    components: dict[str, dict[str, str]] = {}
    for artifact in Artifact.objects.select_related("component"):
        data = blobs.store().path(artifact.artifact_sha256).read_bytes()
        loaded = safetensors.numpy.load(data)
        assert artifact.artifact_sha256 == hashlib.sha256(data).hexdigest()
        assert artifact.weights_sha256 == reference_weights_sha256(data)
        assert artifact.size_bytes == len(data)
        assert {name: shape for name, _dtype, shape in artifact.tensors} == {
            name: list(array.shape) for name, array in loaded.items()
        }
        assert 0 < artifact.parameters <= sum(array.size for array in loaded.values())
        assert artifact.flops > 0
        assert artifact.probe["rows"] == 2
        assert artifact.probe["expected"]
        components.setdefault(artifact.component.name, {})[artifact.variant] = artifact.weights_sha256
    document = {"format": 1, "workload": "digits", "workload_version": 1, "components": components}
    manifest = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert version.manifest_sha256 == hashlib.sha256(manifest).hexdigest()


def test_publishing_is_told_once_with_the_hash(model):
    version = versions.publish(initial(model).pk)
    event = Event.objects.get(verb="version.published")
    assert (event.target_id, event.target_label, event.site) == (version.pk, "numbers 1", model.site)
    assert event.after["manifest_sha256"] == version.manifest_sha256
    assert Event.objects.get(verb="version.created").target_id == version.pk


def test_the_same_weights_from_a_file_make_the_same_shards_under_a_new_number(model, tmp_path):
    first = versions.publish(initial(model, seed=1).pk)
    data = whole_file(tmp_path / "whole", tensors("digits", seed=1))
    second = versions.publish(uploaded(model, data).pk)
    assert (first.number, second.number, second.state) == (1, 2, "published")
    assert first.manifest_sha256 == second.manifest_sha256
    shards = Artifact.objects.order_by("key").values_list("component__name", "variant", "artifact_sha256", "probe")
    assert list(shards.filter(component__version=first)) == list(shards.filter(component__version=second))
    assert second.source_sha256 == hashlib.sha256(data).hexdigest()


def test_another_seed_gives_other_weights(model):
    hashes = {versions.publish(initial(model, seed=seed).pk).manifest_sha256 for seed in (1, 2)}
    assert len(hashes) == 2


def test_a_file_of_the_reference_variants_alone_is_enough(model, tmp_path):
    wanted = {name: tensor for name, tensor in tensors("digits").items() if "@" not in name}
    version = versions.publish(uploaded(model, whole_file(tmp_path / "whole", wanted)).pk)
    assert version.state == "published"
    assert set(Artifact.objects.values_list("component__name", "variant")) == {("vision", "full"), ("head", "full")}


def without(name):
    return lambda wanted: {key: tensor for key, tensor in wanted.items() if not key.startswith(name)}


def changed(**forms):
    """Return a change of the first tensor that begins with `head.`."""

    def change(wanted):
        name = next(key for key in sorted(wanted) if key.startswith("head."))
        tensor = wanted[name].clone()
        if "dtype" in forms:
            tensor = tensor.to(forms["dtype"])
        if "value" in forms:
            tensor.view(-1)[-1] = forms["value"]
        if "shape" in forms:
            tensor = tensor.reshape(*forms["shape"])
        return wanted | {name: tensor}

    return change


MISFITS = [
    ("component_missing", "vision", without("vision.")),
    ("component_missing", "head", without("head.")),
    ("tensor_missing", "vision@light", without("vision@light.layers.0.w")),
    ("tensor_unexpected", "head.more", lambda wanted: wanted | {"head.more": torch.zeros(3)}),
    ("bad_tensor_name", "tail", lambda wanted: wanted | {"tail.x": torch.zeros(3)}),
    ("bad_tensor_name", "tiny", lambda wanted: wanted | {"vision@tiny.x": torch.zeros(3)}),
    ("bad_tensor_name", "loose", lambda wanted: wanted | {"loose": torch.zeros(3)}),
    ("dtype_differs", "head", changed(dtype=torch.float64)),
    ("shape_differs", "head", changed(shape=(1, 10))),
    ("not_finite", "head", changed(value=float("nan"))),
    ("not_finite", "head", changed(value=float("inf"))),
]


@pytest.mark.parametrize(("code", "named", "change"), MISFITS)
def test_weights_of_another_model_are_refused_with_the_reason(model, tmp_path, code, named, change):
    version = versions.publish(uploaded(model, whole_file(tmp_path / "whole", change(tensors("digits")))).pk)
    assert_refused(version, code)
    assert named in version.refusal


def header(document, body=b""):
    text = json.dumps(document).encode() if isinstance(document, dict) else document
    return struct.pack("<Q", len(text)) + text + body


TENSOR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
BROKEN = [
    ("file_too_short", b"no"),
    ("header_too_large", struct.pack("<Q", 1 << 62) + b"{}"),
    ("header_beyond_file", struct.pack("<Q", 1000) + b"{}"),
    ("header_not_object", header(b"[]")),
    ("header_not_json", header(b"{'a': 1}")),
    ("header_not_text", header(b'{"\xff": 1}')),
    ("duplicate_key", header(b'{"a.b": 1, "a.b": 2}')),
    ("offsets_beyond_file", header({"head.a": TENSOR})),
    ("trailing_bytes", header({"head.a": TENSOR}, b"12345")),
    ("tensors_overlap", header({"head.a": TENSOR, "head.b": TENSOR}, b"1234")),
    ("size_differs", header({"head.a": TENSOR | {"shape": [2]}}, b"1234")),
    ("bad_shape", header({"head.a": TENSOR | {"shape": [-1]}}, b"1234")),
    ("unknown_dtype", header({"head.a": TENSOR | {"dtype": "F8"}}, b"1234")),
    ("bad_name", header({"head.\0": TENSOR}, b"1234")),
    ("component_missing", header({})),
]


@pytest.mark.parametrize(("code", "data"), BROKEN, ids=[code for code, _data in BROKEN])
def test_a_file_that_is_no_sound_one_is_refused_with_the_reason(model, code, data):
    assert_refused(versions.publish(uploaded(model, data).pk), code)


def assert_refused(version, code):
    assert (version.state, version.refusal_code) == ("refused", code)
    assert version.refusal
    event = Event.objects.get(verb="version.refused")
    assert (event.target_id, event.after, event.reason) == (version.pk, {"code": code}, version.refusal)
    assert not Component.objects.exists()
    assert not Artifact.objects.exists()


def test_a_file_that_changed_since_it_came_is_refused(model, tmp_path):
    version = uploaded(model, whole_file(tmp_path / "whole", tensors("digits")))
    path = blobs.store().path(version.source_sha256)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert_refused(versions.publish(version.pk), "source_corrupt")


def test_a_file_that_is_gone_is_refused(model):
    version = uploaded(model, b"soon gone")
    blobs.store().path(version.source_sha256).unlink()
    assert_refused(versions.publish(version.pk), "source_missing")


@pytest.mark.parametrize("data", [None, b"no file of tensors"])
def test_publishing_twice_changes_nothing(model, data):
    version = uploaded(model, data) if data else initial(model)

    def rows():
        tables = (ModelVersion, Component, Artifact, Event)
        return [list(table.objects.order_by("pk").values()) for table in tables]

    versions.publish(version.pk)
    before = rows()
    versions.publish(version.pk)
    versions.reconcile()
    assert rows() == before


def test_the_reconciler_publishes_what_nobody_has_begun(model):
    first, second = initial(model, seed=1), uploaded(model, b"nonsense")
    versions.reconcile()
    assert dict(ModelVersion.objects.values_list("pk", "state")) == {first.pk: "published", second.pk: "refused"}


def test_a_failing_disk_leaves_a_version_to_be_tried_again_and_the_others_alone(model, monkeypatch):
    first, second = initial(model, seed=1), initial(model, seed=2)
    whole_cut = cutting.cut

    def cut(version):
        if version.pk == first.pk:
            raise OSError(28, "No space left on device")
        return whole_cut(version)

    monkeypatch.setattr(cutting, "cut", cut)
    versions.reconcile()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.attempts, second.state) == ("checking", 1, "published")
    assert "No space left" in first.refusal
    monkeypatch.undo()
    versions.reconcile()
    first.refresh_from_db()
    assert (first.state, first.attempts, first.refusal) == ("published", 2, "")


def test_after_three_lost_attempts_a_version_is_given_up(model):
    version = initial(model)
    ModelVersion.objects.update(attempts=3)  # as three killed processes leave it
    versions.reconcile()
    version.refresh_from_db()
    assert_refused(version, "gave_up")
    assert "3 attempts" in version.refusal


def test_a_workload_that_is_no_longer_installed_is_a_reason(model):
    version = initial(model)
    type(model).objects.update(workload="gone")
    assert_refused(versions.publish(version.pk), "unknown_workload")


def test_only_a_published_version_of_the_same_model_can_be_a_parent(model, make_model):
    parent = versions.publish(initial(model).pk)
    assert initial(model, parent=parent).parent == parent
    with pytest.raises(InvalidInput):
        initial(make_model("other"), parent=parent)
    with pytest.raises(InvalidInput):
        initial(model, parent=initial(model))


@pytest.mark.parametrize("seed", [None, -1, 1 << 53])
def test_a_seed_is_a_number_that_json_can_carry(model, seed):
    with pytest.raises(InvalidInput) as caught:
        initial(model, seed=seed)
    assert list(caught.value.fields) == ["seed"]


def test_only_a_complete_upload_of_the_same_tenant_makes_a_version(model, make_site):
    def upload(site, state):
        from django.utils import timezone

        return Upload.objects.create(site=site, state=state, size_bytes=1, sha256="0" * 64, expires_at=timezone.now())

    def make(source):
        return versions.create_version(actor=TESTS, model=model, origin=Origin.UPLOADED, upload=source)

    assert make(upload(model.site, "complete")).source_sha256 == "0" * 64
    for state in ("open", "refused"):
        with pytest.raises(UploadNotComplete):
            make(upload(model.site, state))
    with pytest.raises(InvalidInput):
        make(upload(make_site("south"), "complete"))
    with pytest.raises(InvalidInput):
        make(None)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": "UP"}),
        ("name", {"name": "x" * 64}),
        ("name", {"name": ""}),
        ("name", {"name": "a\0b"}),
        ("workload", {"workload": "nothing"}),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(root, field, values):
    with pytest.raises(InvalidInput) as caught:
        models.create(actor=TESTS, site=root, **{"name": "numbers", "workload": "digits"} | values)
    assert list(caught.value.fields) == [field]


def test_a_models_name_is_its_tenants_alone(make_model, make_site, site):
    make_model("numbers")
    with pytest.raises(Conflict):
        make_model("numbers")
    assert make_model("numbers", at=make_site("south")).name == "numbers"
    with pytest.raises(InvalidInput):
        make_model("numbers", at=site)
