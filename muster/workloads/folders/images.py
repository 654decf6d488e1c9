"""Reads PNG and JPEG images into a workload's one input of images, resized to its shape, in [0, 1].

The class is the name of the folder that holds an image; directly in the samples' folder it is unknown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import DType, Tensor, Workload
from muster.workloads.folders.parts import FolderError, Part, Reading

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")

MAX_PIXELS = 50_000_000  # unpacked, 150 MB: more than any camera of an edge device gives

MODES = {1: "L", 3: "RGB"}  # channels → how Pillow calls it


def read(reading: Reading, path: Path) -> Part:
    """Return the one sample of an image file."""
    import numpy as np
    from PIL import Image, ImageOps

    tensor = _tensor(reading.workload)
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise FolderError(f"{path}: {image.width}×{image.height} pixels are more than {MAX_PIXELS:,}, the limit")
        upright = ImageOps.exif_transpose(image)
        values = _resized(_eight_bits(upright), tensor)
    label = -1 if path.parent == reading.folder else reading.workload.classes.index(path.parent.name)
    return Part({tensor.name: values[None]}, np.array([label], np.int64))


def _tensor(workload: Workload) -> Tensor:
    """Return the input that takes images: (channels, height, width) of one or three channels."""
    fitting = [
        raw.tensor
        for raw in workload.inputs
        if raw.modality == "vision" and len(raw.tensor.shape) == 3 and raw.tensor.shape[0] in MODES
        and raw.tensor.dtype == DType.FLOAT32
    ]  # fmt: skip
    if len(fitting) != 1:
        raise FolderError(f"images do not fit {workload.name}: it has {len(fitting)} inputs of images, not one")
    return fitting[0]


def _eight_bits(image: Image) -> Image:
    """Return an image of 16 or 32 bits with 8 bits a channel; Pillow itself would cut off what is bright."""
    import numpy as np
    from PIL import Image

    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.float64) / 65535 * 255
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _resized(image: Image, tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return the image (channels, height, width) float32; making it smaller averages over what is left out."""
    import numpy as np
    from PIL.Image import Resampling

    channels, height, width = tensor.shape
    pixels = np.asarray(image.convert(MODES[channels]).resize((width, height), Resampling.BILINEAR), np.float32)
    return np.moveaxis(pixels.reshape(height, width, channels), 2, 0) / np.float32(255)
