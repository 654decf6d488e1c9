"""Why a file of tensors is refused.

TensorFileError
├── FileTooShort  HeaderTooLarge  HeaderBeyondFile
├── HeaderNotText  HeaderNotJson  HeaderNotObject  DuplicateKey  BadMetadata  TooManyTensors
├── BadName  BadEntry  UnknownDtype  BadShape  BadOffsets  OffsetsBeyondFile  SizeDiffers
├── TensorsOverlap  TensorsApart  TrailingBytes
├── NotFinite  NotBoolean
└── NotAsExpected
    └── TensorMissing  TensorUnexpected  DtypeDiffers  ShapeDiffers
"""

from typing import ClassVar


class TensorFileError(ValueError):
    """The file is not one that Muster takes.

    Attributes:
        code: a stable word for programs; the message is for people.
        tensor: the tensor at fault, None where it is the file as a whole.
        index: in row-major order, the element at fault, None where it is not one.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, tensor: str | None = None, index: int | None = None) -> None:
        super().__init__(message)
        self.tensor = tensor
        self.index = index


class FileTooShort(TensorFileError):
    """It ends before the length of its header does."""

    code = "file_too_short"


class HeaderTooLarge(TensorFileError):
    """Its header is longer than any that is read."""

    code = "header_too_large"


class HeaderBeyondFile(TensorFileError):
    """Its header is said to be longer than the file."""

    code = "header_beyond_file"


class HeaderNotText(TensorFileError):
    """Its header is not UTF-8."""

    code = "header_not_text"


class HeaderNotJson(TensorFileError):
    """Its header is not JSON, or JSON too deep to be one."""

    code = "header_not_json"


class HeaderNotObject(TensorFileError):
    """Its header is not a JSON object from its first byte on."""

    code = "header_not_object"


class DuplicateKey(TensorFileError):
    """A key stands twice in one object."""

    code = "duplicate_key"


class BadMetadata(TensorFileError):
    """Its metadata is not texts by name."""

    code = "bad_metadata"


class TooManyTensors(TensorFileError):
    """It names more tensors than any model has."""

    code = "too_many_tensors"


class BadName(TensorFileError):
    """A tensor's name is empty, too long, or holds what cannot be shown."""

    code = "bad_name"


class BadEntry(TensorFileError):
    """A tensor is described by something else than dtype, shape and data_offsets."""

    code = "bad_entry"


class UnknownDtype(TensorFileError):
    """A tensor's elements are of a type that Muster does not take."""

    code = "unknown_dtype"


class BadShape(TensorFileError):
    """A tensor's shape is not a list of dimensions, or too large to be one."""

    code = "bad_shape"


class BadOffsets(TensorFileError):
    """A tensor's place is not a begin and an end behind it."""

    code = "bad_offsets"


class OffsetsBeyondFile(TensorFileError):
    """A tensor ends behind the file."""

    code = "offsets_beyond_file"


class SizeDiffers(TensorFileError):
    """A tensor's place is not as large as its shape and type."""

    code = "size_differs"


class TensorsOverlap(TensorFileError):
    """Two tensors share bytes."""

    code = "tensors_overlap"


class TensorsApart(TensorFileError):
    """Between two tensors, or before the first, lie bytes that belong to none."""

    code = "tensors_apart"


class TrailingBytes(TensorFileError):
    """Behind the last tensor lie bytes that belong to none."""

    code = "trailing_bytes"


class NotFinite(TensorFileError):
    """A tensor holds an infinity or a NaN."""

    code = "not_finite"


class NotBoolean(TensorFileError):
    """A tensor of truth values holds a byte that is neither 0 nor 1."""

    code = "not_boolean"


class NotAsExpected(TensorFileError):
    """It is a sound file, but not of what was asked for."""

    code = "not_as_expected"


class TensorMissing(NotAsExpected):
    """A tensor that is needed is not there."""

    code = "tensor_missing"


class TensorUnexpected(NotAsExpected):
    """A tensor is there that nobody asks for."""

    code = "tensor_unexpected"


class DtypeDiffers(NotAsExpected):
    """A tensor has another element type than is needed."""

    code = "dtype_differs"


class ShapeDiffers(NotAsExpected):
    """A tensor has another shape than is needed."""

    code = "shape_differs"
