"""Why a shard cannot be made, loaded or run.

ShardError
├── UnknownComponent  UnknownVariant  BadTensorName
├── BuildFailed       the workload's own code raised
├── NotCuttable       the component cannot be kept as named tensors
├── FileRefused
│   ├── BadFile       no sound file of tensors
│   └── DoesNotFit    sound, but of another component
├── BadInputs         what was given to a component is not what it takes
├── RunFailed         the component's own code raised
├── BadOutputs        what a component gave is not what it declares
└── ProbeImpossible   its answer cannot be written as a probe
"""

from typing import ClassVar


class ShardError(Exception):
    """A shard cannot be made, loaded or run.

    Attributes:
        code: a stable word for programs; the message is for people.
    """

    code: ClassVar[str] = "shard"


class UnknownComponent(ShardError):
    """The workload has no component of that name."""

    code = "unknown_component"


class UnknownVariant(ShardError):
    """The component has no variant of that name."""

    code = "unknown_variant"


class BadTensorName(ShardError):
    """A tensor's name does not say which component it belongs to, or one that is named otherwise too."""

    code = "bad_tensor_name"


class BuildFailed(ShardError):
    """The workload's own code could not make the module."""

    code = "build_failed"


class NotCuttable(ShardError):
    """The module cannot be kept as named tensors: some of its state is not in its state_dict, or is shared in it."""

    code = "not_cuttable"


class FileRefused(ShardError):
    """The file is not taken.

    Attributes:
        file_code: the code of the TensorFileError that says why.
    """

    code = "file_refused"

    def __init__(self, message: str, file_code: str) -> None:
        super().__init__(message)
        self.file_code = file_code


class BadFile(FileRefused):
    """It is no sound file of tensors."""

    code = "bad_file"


class DoesNotFit(FileRefused):
    """It is sound, but its tensors are not those of the component and variant."""

    code = "does_not_fit"


class BadInputs(ShardError):
    """What was given to a component is not what it takes, by name, type or shape."""

    code = "bad_inputs"


class RunFailed(ShardError):
    """The component's own code raised."""

    code = "run_failed"


class BadOutputs(ShardError):
    """What a component gave is not what it declares, by name, type or shape."""

    code = "bad_outputs"


class ProbeImpossible(ShardError):
    """Its answer is not finite, or too large to be written in millionths."""

    code = "probe_impossible"
