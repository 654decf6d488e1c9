"""A device finds its parts in what the kernel shows."""

import os
from pathlib import Path

import pytest

from agent import accelerators, speedtest
from agent.inventory import collect, cpu_model
from muster.wire.enrolment import Accelerator


def put(root: Path, path: str, text: str = "") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


MACHINES: dict[str, tuple[dict[str, str], list[Accelerator]]] = {
    "nothing": ({}, []),
    "nvidia card": (
        {
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA H200\nIRQ: 12\n",
            "sys/class/drm/renderD128/device/vendor": "0x10de\n",
        },
        [Accelerator("gpu", "NVIDIA H200")],
    ),
    "nvidia card under an open driver": (
        {"sys/class/drm/renderD128/device/vendor": "0x10de\n", "sys/class/drm/renderD128/device/device": "0x2330\n"},
        [Accelerator("gpu", "NVIDIA GPU 0x2330")],
    ),
    "jetson": (
        {
            "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0",
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
        },
        [Accelerator("gpu", "NVIDIA Jetson Orin Nano Developer Kit")],
    ),
    "amd card": (
        {
            "sys/class/drm/renderD128/device/vendor": "0x1002\n",
            "sys/class/drm/renderD128/device/device": "0x73bf\n",
            "sys/class/drm/renderD128/device/mem_info_vram_total": "17163091968\n",
        },
        [Accelerator("gpu", "AMD GPU 0x73bf", 17_163_091_968)],
    ),
    "intel npu": ({"sys/class/accel/accel0/device/vendor": "0x8086\n"}, [Accelerator("npu", "Intel NPU")]),
    "hailo": ({"dev/hailo0": ""}, [Accelerator("npu", "Hailo (hailo0)")]),
    "two corals": (
        {"dev/apex_0": "", "dev/apex_1": ""},
        [
            Accelerator("npu", "Google Coral Edge TPU (apex_0)"),
            Accelerator("npu", "Google Coral Edge TPU (apex_1)"),
        ],
    ),
    "rockchip": ({"sys/module/rknpu/version": ""}, [Accelerator("npu", "Rockchip NPU")]),
    "display of a virtual machine": ({"sys/class/drm/renderD128/device/vendor": "0x1af4\n"}, []),
}


@pytest.mark.parametrize(("files", "expected"), MACHINES.values(), ids=MACHINES)
def test_accelerators_are_found_without_a_vendors_tool(
    tmp_path: Path, files: dict[str, str], expected: list[Accelerator]
) -> None:
    for path, text in files.items():
        put(tmp_path, path, text)
    assert accelerators.detect(tmp_path) == expected


def test_the_processor_is_named_by_the_kernel_or_by_the_board(tmp_path: Path) -> None:
    assert cpu_model(tmp_path)
    put(tmp_path, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    put(tmp_path, "proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\n")
    assert cpu_model(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"
    put(tmp_path, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Intel(R) N100\n")
    assert cpu_model(tmp_path) == "Intel(R) N100"


def test_this_machines_inventory_is_whole(tmp_path: Path) -> None:
    inventory = collect(tmp_path)
    status = os.statvfs(tmp_path)
    assert inventory.disk_bytes == status.f_blocks * status.f_frsize
    assert inventory.architecture == os.uname().machine
    assert inventory.cpu_model
    assert os.uname().release in inventory.os


def test_the_speed_test_is_short_and_leaves_no_file(tmp_path: Path) -> None:
    ticks = iter(range(1_000))
    result = speedtest.measure(tmp_path, timer=lambda: float(next(ticks)))
    assert (
        result.hash_bytes_per_s == speedtest.HASH_BYTES // 2
    )  # one round, between a first and a third look at the clock
    assert result.memory_bytes_per_s == speedtest.MEMORY_BYTES // 2
    assert result.disk_bytes_per_s == speedtest.DISK_BYTES // 2
    assert list(tmp_path.iterdir()) == []
