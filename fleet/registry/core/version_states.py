"""The life of a model version, as data."""

from enum import StrEnum


class VersionState(StrEnum):
    CHECKING = "checking"  # its weights are here and not yet trusted
    PUBLISHED = "published"  # may be planned and pushed; never changes again
    REFUSED = "refused"  # its weights do not fit; the reason is kept


class Origin(StrEnum):
    """Where a version's weights come from."""

    INITIAL = "initial"  # drawn from a seed, untrained
    UPLOADED = "uploaded"
    TRAINED = "trained"  # by a federated round


MOVES: dict[VersionState, frozenset[VersionState]] = {
    VersionState.CHECKING: frozenset({VersionState.PUBLISHED, VersionState.REFUSED}),
    VersionState.PUBLISHED: frozenset(),
    VersionState.REFUSED: frozenset(),
}
