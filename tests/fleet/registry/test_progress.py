"""What nodes say of their tasks is kept for pages: their own tasks alone, the last word, once."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.registry.models import NodeWork, WorkProgress
from fleet.registry.services.progress import progress
from muster.wire.messages import Progress, TaskProgress
from muster.wire.work import MAX_TASKS, WorkReason, WorkState

TASKS = [str(uuid.UUID(int=number)) for number in range(1, MAX_TASKS + 1)]


@pytest.fixture
def node(make_node):
    node = make_node()
    NodeWork.objects.create(node=node, counter=4, document=b"", signature_value=b"", tasks=TASKS)
    return node


def said(task: str = TASKS[0], state: WorkState = WorkState.TRAINING, done: int = 1, **changes) -> TaskProgress:
    return TaskProgress(
        **{"reason": WorkReason.NONE, "detail": "", "total": 9} | changes, task=task, state=state, done=done
    )


def note(node, *tasks: TaskProgress, counter: int = 4) -> bool:
    return progress(node_key=node.pk, message=Progress(counter, list(tasks)))


def test_every_task_of_the_work_has_its_row_with_one_statement(node):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert note(node, *(said(task, done=number) for number, task in enumerate(TASKS)))
    assert len(queries) == 1
    assert [(str(row.task), row.done) for row in WorkProgress.objects.order_by("task")] == [
        (task, number) for number, task in enumerate(TASKS)
    ]


def test_what_is_said_again_changes_nothing(node):
    assert note(node, said())
    at = WorkProgress.objects.get().at
    assert not note(node, said())
    assert WorkProgress.objects.get().at == at
    assert note(node, said(state=WorkState.FAILED, reason=WorkReason.NO_DATA, detail="no sample\0"))
    row = WorkProgress.objects.get()
    assert (row.state, row.reason, row.detail) == ("failed", "no_data", "no sample")


def test_of_a_task_named_twice_the_last_word_counts(node):
    assert note(node, said(done=1), said(done=5))
    assert WorkProgress.objects.get().done == 5


def test_tasks_that_the_work_does_not_name_are_passed_over(node, make_node):
    stranger = make_node()
    assert not note(node, said(str(uuid.uuid4())))
    assert not note(stranger, said())
    assert not note(node)
    NodeWork.objects.update(tasks=TASKS[1:])
    assert note(node, said(TASKS[0]), said(TASKS[1]))
    assert str(WorkProgress.objects.get().task) == TASKS[1]


def test_two_nodes_of_one_task_have_rows_of_their_own(node, make_node):
    other = make_node()
    NodeWork.objects.create(node=other, counter=1, document=b"", signature_value=b"", tasks=TASKS[:1])
    note(node, said(done=1))
    note(other, said(done=2))
    assert dict(WorkProgress.objects.values_list("node_id", "done")) == {node.pk: 1, other.pk: 2}
