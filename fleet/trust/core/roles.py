"""Roles and what each may do. A role holds at a site and at everything below it."""

from enum import IntEnum, StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class Rank(IntEnum):
    """Order of the roles: whoever holds one may do what every lower one may."""

    VIEWER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3


class Verb(StrEnum):
    VIEW = "view"  # see an object and its figures
    OPERATE = "operate"  # enrol, approve, refuse, quarantine
    RELEASE = "release"  # publish model versions, make and push plans, train
    ADMINISTER = "administer"  # sites, grants, retirement


NEEDED: dict[Verb, Rank] = {
    Verb.VIEW: Rank.VIEWER,
    Verb.OPERATE: Rank.OPERATOR,
    Verb.RELEASE: Rank.OPERATOR,
    Verb.ADMINISTER: Rank.ADMINISTRATOR,
}


def rank(role: str) -> Rank:
    """Return the rank of a role's name."""
    return Rank[Role(role).name]


def allows(role: str, verb: Verb) -> bool:
    """Say whether `role` may `verb`.

    >>> allows("operator", Verb.VIEW), allows("viewer", Verb.OPERATE)
    (True, False)
    """
    return rank(role) >= NEEDED[verb]


def roles_for(verb: Verb) -> list[str]:
    """Return the names of the roles that may `verb`."""
    return [role.value for role in Role if allows(role, verb)]
