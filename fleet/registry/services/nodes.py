"""Moves nodes along their life, by `core/node_states.py`.

Each move is one conditional UPDATE, and its event is in the same transaction: of
two people who decide at once one wins, and the other is told. After the commit a
hint wakes whoever keeps sockets of nodes.
"""

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from fleet.registry.core.node_states import STEPS, Action, NodeState, Step
from fleet.registry.models import Node
from fleet.trust.services import events, hints
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict

CHANGED = "muster:nodes"  # Redis channel of node uids whose row has changed


class IllegalMove(Conflict):
    """The node is in a state from which this does not lead."""

    code = "illegal_move"


def approve(node: Node, *, actor: Actor, reason: str = "") -> Node:
    """Let a waiting node in."""
    return move(node, Action.APPROVE, actor=actor, reason=reason)


def refuse(node: Node, *, actor: Actor, reason: str = "") -> Node:
    """Turn a waiting node away; its key never enrols again."""
    return move(node, Action.REFUSE, actor=actor, reason=reason)


def quarantine(node: Node, *, actor: Actor, reason: str = "") -> Node:
    """Cut an active node off until somebody decides."""
    return move(node, Action.QUARANTINE, actor=actor, reason=reason)


def release(node: Node, *, actor: Actor, reason: str = "") -> Node:
    """Let a quarantined node back in."""
    return move(node, Action.RELEASE, actor=actor, reason=reason)


def retire(node: Node, *, actor: Actor, reason: str = "") -> Node:
    """End a node's life here; its name is free again, its key never enrols again."""
    return move(node, Action.RETIRE, actor=actor, reason=reason)


@transaction.atomic
def move(node: Node, action: Action, *, actor: Actor, reason: str = "") -> Node:
    """Do `action` to `node`, record it, and return the node as it is now.

    Raises:
        IllegalMove: the node is in a state that does not allow it, or has just come into one.
    """
    step = STEPS[action]
    before = _advance(node, step, actor)
    node.refresh_from_db(fields=["state", "state_since", "decided_by"])
    if before is None:
        raise IllegalMove(_('This is not possible in the state "%(state)s".') % {"state": node.get_state_display()})
    events.record(
        step.verb,
        actor=actor,
        target_kind="node",
        target_id=node.uid,
        target_label=node.name,
        site=node.site,
        before={"state": before},
        after={"state": step.after},
        reason=reason,
    )
    announce(node)
    return node


def _advance(node: Node, step: Step, actor: Actor) -> NodeState | None:
    """Take `step` by a conditional UPDATE for each state it may start from; return the one that it left, or None."""
    for before in sorted(step.before):
        if Node.objects.filter(pk=node.pk, state=before).update(
            state=step.after, state_since=Now(), decided_by=actor.person
        ):
            return before
    return None


def announce(node: Node) -> None:
    """Tell the gateways after the commit that `node` has changed."""
    hints.publish_after_commit(CHANGED, str(node.uid))
