"""Accelerators that the kernel shows, without any vendor's tool."""

from collections.abc import Iterator
from pathlib import Path

from agent.files import text_or_nothing
from muster.wire.enrolment import Accelerator

MOST = 16  # a request has 64 KiB, and no device has more

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel", "0x1e60": "Hailo", "0x1ac1": "Google Coral"}
_NVIDIA = "0x10de"


def detect(root: Path = Path("/")) -> list[Accelerator]:
    """Return the accelerators of this machine.

    Args:
        root: where /proc, /sys and /dev are.
    """
    found = [*_nvidia(root), *_tegra(root), *_graphics(root), *_compute(root), *_device_files(root), *_rockchip(root)]
    return list(dict.fromkeys(found))[:MOST]


def _nvidia(root: Path) -> Iterator[Accelerator]:
    for information in sorted(root.glob("proc/driver/nvidia/gpus/*/information")):
        fields = dict(line.split(":", 1) for line in text_or_nothing(information).splitlines() if ":" in line)
        yield Accelerator("gpu", fields.get("Model", "NVIDIA GPU").strip())


def _tegra(root: Path) -> Iterator[Accelerator]:
    """A Jetson's GPU is no PCI device and has no file under /proc/driver/nvidia/gpus."""
    compatible = text_or_nothing(root / "proc/device-tree/compatible")
    if "nvidia,tegra" in compatible:
        model = text_or_nothing(root / "proc/device-tree/model").strip("\0\n") or "NVIDIA Tegra"
        yield Accelerator("gpu", model)


def _graphics(root: Path) -> Iterator[Accelerator]:
    nvidia_known = (root / "proc/driver/nvidia/gpus").is_dir()
    for device in sorted(root.glob("sys/class/drm/renderD*/device")):
        vendor = text_or_nothing(device / "vendor").strip()
        if vendor not in _VENDORS or (vendor == _NVIDIA and nvidia_known):
            continue
        memory = text_or_nothing(device / "mem_info_vram_total").strip()
        name = f"{_VENDORS[vendor]} GPU {text_or_nothing(device / 'device').strip()}".strip()
        yield Accelerator("gpu", name, int(memory) if memory.isdigit() else None)


def _compute(root: Path) -> Iterator[Accelerator]:
    """The kernel's own class for accelerators without a display: Intel and AMD NPUs, Habana, Qualcomm."""
    for device in sorted(root.glob("sys/class/accel/accel*/device")):
        vendor = _VENDORS.get(text_or_nothing(device / "vendor").strip(), "")
        driver = (device / "driver").resolve().name if (device / "driver").exists() else ""
        yield Accelerator("npu", f"{vendor} NPU {driver}".strip())


def _device_files(root: Path) -> Iterator[Accelerator]:
    for pattern, name in (("hailo*", "Hailo"), ("apex_*", "Google Coral Edge TPU")):
        for device in sorted((root / "dev").glob(pattern)):
            yield Accelerator("npu", f"{name} ({device.name})")


def _rockchip(root: Path) -> Iterator[Accelerator]:
    if (root / "sys/kernel/debug/rknpu").exists() or (root / "sys/module/rknpu").exists():
        yield Accelerator("npu", "Rockchip NPU")
