"""Plans from the command line: the mapping as it is, one line for each change and each refusal, an exit code."""

import json
import threading

import pytest
from django.core.management import CommandError, call_command

from fleet.rollouts.models import ReleaseEpoch, Rollout, ShardingPlan
from fleet.trust.models import Event
from tests.fleet.rollouts.conftest import CARE, obey, target_of
from tests.published import make_version


def run(capsys, *arguments, **options):
    call_command(*arguments, **options)
    return capsys.readouterr().out


def test_a_mapping_is_pushed_with_a_line_for_each_component(care, fleet, capsys):
    lines = run(capsys, "push_plan", json.dumps(CARE), reason="first").splitlines()
    assert lines[1] == "vision: nowhere → terminal (full, version 1), 1 node fetches 88 bytes"
    rollout = Rollout.objects.get()
    assert (rollout.reason, rollout.state) == ("first", "running")
    assert f"rollout: {rollout.pk}" in lines
    assert "active: 0 of 3" in lines
    assert Event.objects.get(verb="rollout.started").actor_label == "manage.py"


def test_a_dry_run_writes_nothing(care, fleet, capsys):
    assert "pushed: False" in run(capsys, "push_plan", json.dumps(CARE), "--dry-run")
    assert not ShardingPlan.objects.exists()


def test_refusals_are_a_line_each(care, pin, make_node, capsys):
    make_node(tier="edge")
    with pytest.raises(CommandError) as refusal:
        run(capsys, "push_plan", '{"vision": "cloud", "text": "edge", "fusion": "edge"}')
    assert refusal.value.returncode == 2
    lines = str(refusal.value).splitlines()
    assert len(lines) == 3
    assert "silhouette" in lines[0]
    assert "Terminal" in lines[1]


@pytest.mark.parametrize("text", ["{", "vision=terminal", "[]", '{"vision": 1}'])
def test_what_is_no_mapping_is_refused(care, fleet, text):
    with pytest.raises(CommandError):
        call_command("push_plan", text)


def test_candidates_are_named(care, fleet, root):
    make_version(root, workload="digits")
    with pytest.raises(CommandError, match="digits, eldercare") as refusal:
        call_command("push_plan", '{"vision": "terminal"}')
    assert refusal.value.returncode == 2
    call_command("push_plan", '{"vision": "terminal"}', "--model", "eldercare", "--version", "1")
    assert Rollout.objects.get().model.name == "eldercare"


def test_waiting_ends_when_every_node_has_proved_it(transactional_db, care, fleet, capsys):
    def devices():
        try:
            while not all(hasattr(type(node).objects.get(pk=node.pk), "target") for node in fleet.values()):
                threading.Event().wait(0.05)
            obey(*fleet.values())
        finally:
            from django.db import connections

            connections.close_all()

    working = threading.Thread(target=devices)
    working.start()
    told = run(capsys, "push_plan", json.dumps(CARE), "--wait", "30", "--json")
    working.join(30)
    answer = json.loads(told.strip().splitlines()[-1])
    assert (answer["state"], answer["active"]) == ("done", "3 of 3")


def test_waiting_in_vain_has_its_own_exit_code(care, fleet):
    with pytest.raises(CommandError) as end:
        call_command("push_plan", json.dumps(CARE), "--wait", "0.1")
    assert end.value.returncode == 3
    assert Rollout.objects.get().state == "running"


def test_a_raised_epoch_goes_into_every_target(care, fleet, capsys):
    call_command("push_plan", json.dumps(CARE))
    told = json.loads(run(capsys, "raise_release_epoch", "--json").strip().splitlines()[-1])
    assert told == {"epoch": 2, "targets": 3}
    assert ReleaseEpoch.objects.get().epoch == 2
    assert {target_of(node).generation[0] for node in fleet.values()} == {2}
