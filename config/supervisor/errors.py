"""What can go wrong before or while everything runs; each message is one line and names the way out."""


class SupervisorError(Exception):
    """Everything cannot be started, or not kept up.

    SupervisorError
    ├── ServerError       PostgreSQL or Valkey cannot be started
    ├── AlreadyRunning    another supervisor holds the data directory
    ├── CheckFailed       the machine lacks something: a port, disk space, a wheel
    └── StepFailed        a step that runs once (prepare, enrol, build) ended badly
    """


class ServerError(SupervisorError):
    """PostgreSQL or Valkey cannot be started."""


class AlreadyRunning(SupervisorError):
    """Another supervisor holds the data directory."""


class CheckFailed(SupervisorError):
    """The machine lacks something that a start needs."""


class StepFailed(SupervisorError):
    """A step that runs once ended badly."""
