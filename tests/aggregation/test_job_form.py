"""The form that starts a job: every choice is explained, what cannot hold is refused beside its field."""

from typing import Any

import pytest
from django.urls import reverse

from aggregation.core import config as configs
from aggregation.forms import JobForm
from aggregation.models import TrainingJob
from aggregation.services import jobs
from fleet.registry.models import ModelVersion, Node
from tests.aggregation.test_pages import words
from tests.conftest import TESTS
from tests.published import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def care(root, pin) -> ModelVersion:
    return make_version(root)


@pytest.fixture
def press(make_node) -> list[Node]:
    made = [make_node(f"press-{number}", online=True) for number in range(3)]
    make_node("away")
    make_node("gateway", tier="edge", online=True)
    return made


@pytest.fixture
def owner(client, administrator):
    client.force_login(administrator)
    return client


def wish(base: ModelVersion, **changes: Any) -> dict[str, Any]:
    """Return what the form sends."""
    return {
        "model": str(base.model_id), "version": "", "strategy": "fedavg", "rounds": "4", "epochs": "3",
        "batch_size": "32", "learning_rate": "0.01", "momentum": "0.5", "seed": "7", "site": base.model.site.path,
        "tiers": ["terminal"], "quorum": "2", "deadline_s": "120", "grace_s": "20", "max_norm": "12.5",
        "source": "own", "alpha": "0.3", "push": "on",
    } | changes  # fmt: skip


def preview(owner, base, **changes):
    headers = {"hx-request": "true", "hx-target": "wish"}
    return owner.get(reverse("job-new"), wish(base, **changes), headers=headers)


def test_a_job_starts_as_the_form_says(owner, care, press):
    answer = owner.post(reverse("job-new"), wish(care))
    job = TrainingJob.objects.get()
    assert answer["Location"] == reverse("job", args=[job.pk])
    config = configs.from_document(job.config)
    assert (config.rounds, config.quorum, config.deadline_s, config.grace_s) == (4, 2, 120, 20)
    assert (config.tiers, config.max_norm_millionths, config.push) == (("terminal",), 12_500_000, True)
    local = config.local
    assert (local.epochs, local.batch_size, local.seed) == (3, 32, 7)
    assert (local.learning_rate_millionths, local.momentum_millionths) == (10_000, 500_000)
    assert config.partition_alpha_millionths is None
    assert (job.base_version, job.created_by.username) == (care, "administrator")


def test_a_split_is_called_a_simulation_and_its_alpha_is_kept(owner, care, press):
    owner.post(reverse("job-new"), wish(care, source="split", alpha="0.3"))
    job = TrainingJob.objects.get()
    assert job.config["partition_alpha_millionths"] == 300_000
    page = words(owner.get(reverse("job", args=[job.pk])))
    assert "Simulation included data split by Dirichlet( 0.3 )" in page.replace("(0.3)", "( 0.3 )")


def test_the_form_begins_with_the_products_own_settings(owner, care, press):
    form = owner.get(reverse("job-new")).context["form"]
    values = {name: form[name].value() for name in form.fields}
    assert configs.from_document(form.settings(values)) == configs.DEFAULT


def test_every_choice_has_its_line(owner, care):
    form: JobForm = owner.get(reverse("job-new")).context["form"]
    silent = [name for name, field in form.fields.items() if not field.help_text]
    assert silent == ["source"]  # its line depends on the choice


def test_the_count_of_who_would_be_invited_follows_the_choices(owner, care, press):
    assert "3 nodes would be invited now. 1 more could take part and is offline" in words(preview(owner, care))
    assert "4 nodes would be invited now." in words(preview(owner, care, tiers=["terminal", "edge"]))
    few = words(preview(owner, care, tiers=["edge"]))
    assert "1 node would be invited now." in few
    assert "That is fewer than the quorum of 2" in few
    assert "Choose a site and at least one tier" in words(preview(owner, care, tiers=[]))


def test_the_preview_is_the_fragment_alone_and_makes_nothing(owner, care, press):
    body = preview(owner, care).content.decode()
    assert body.lstrip().startswith('<div id="wish"')
    assert not TrainingJob.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"rounds": "0"}, "rounds", "Give at least 1."),
        ({"rounds": "many"}, "rounds", "Enter a whole number."),
        ({"epochs": "101"}, "epochs", "Give at most 100."),
        ({"learning_rate": "11"}, "learning_rate", "less than or equal to 10"),
        ({"momentum": "1"}, "momentum", "less than or equal to 0.999999"),
        ({"tiers": []}, "tiers", "Choose at least one tier."),
        ({"grace_s": "500"}, "grace_s", "The grace ends with the deadline, so give at most 120."),
        ({"source": "split", "alpha": ""}, "alpha", "Give the alpha by which the data is split."),
        ({"max_norm": ""}, "max_norm", "This field is required."),
        ({"version": "9"}, "version", "Select a valid choice."),
        ({"site": "elsewhere/"}, "site", "Select a valid choice."),
    ],
)
def test_what_cannot_hold_is_refused_beside_its_field(owner, care, press, changes, field, said):
    answer = owner.post(reverse("job-new"), wish(care, **changes))
    assert answer.status_code == 400
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert said in errors[field][0]
    assert said in words(answer)
    assert not TrainingJob.objects.exists()


def test_a_second_job_of_the_model_is_refused_and_the_first_is_named(owner, care, press):
    running = jobs.create(actor=TESTS, model=care.model, config={})
    answer = owner.post(reverse("job-new"), wish(care))
    assert answer.status_code == 409
    assert "This model has a running job" in words(answer)
    assert reverse("job", args=[running.pk]) in answer.content.decode()


def test_another_model_brings_its_own_versions(owner, care, root, press):
    other = make_version(root, workload="digits")
    make_version(root, workload="digits", seed=2)
    form = preview(owner, other, version="2").context["form"]
    assert [number for number, _label in form.fields["version"].choices] == ["", 2, 1]
    assert form.base.number == 2
    form = preview(owner, care, version="2").context["form"]  # a number that only the other model has
    assert (form.base, form.errors) == (care, {})


def test_an_operator_of_one_factory_starts_nothing(client, operator, care, press):
    client.force_login(operator)
    assert "There is nothing to train" in words(client.get(reverse("job-new")))
    assert client.post(reverse("job-new"), wish(care)).status_code == 403
    assert not TrainingJob.objects.exists()
