"""The boards that an image is made for: what each boots with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Board:
    """``order`` are modules that are loaded at once; with ``coldplug`` the RAM disk looks at the hardware too."""

    name: str
    cmdline: str
    order: tuple[str, ...]
    config: Mapping[str, Any]
    coldplug: tuple[str, ...] = ()
    """Folders below ``kernel`` of the modules that the RAM disk may need."""
    devicetrees: str = ""
    modules: tuple[str, ...] = ()
    """More folders of modules in the root file system."""


QUIET = "quiet loglevel=3 panic=10 fsck.repair=yes"
FILE_SYSTEMS = ("crc32c_generic", "ext4")
MODULES = (
    "arch", "crypto", "lib", "net/core", "net/wireless", "net/rfkill", "net/unix", "net/packet", "net/ipv6", "net/ipv4",
    "fs/ext4", "fs/jbd2", "fs/mbcache.ko", "fs/fat", "fs/nls", "fs/autofs", "fs/fuse", "fs/efivarfs", "sound",
    "drivers/virtio", "drivers/block", "drivers/char", "drivers/gpio", "drivers/tty", "drivers/usb", "drivers/mmc",
    "drivers/clk", "drivers/regulator", "drivers/reset", "drivers/firmware", "drivers/mailbox", "drivers/dma",
    "drivers/pinctrl", "drivers/pwm", "drivers/soc", "drivers/spi", "drivers/i2c", "drivers/mfd", "drivers/hwmon",
    "drivers/thermal", "drivers/cpufreq", "drivers/watchdog", "drivers/leds", "drivers/input", "drivers/hid",
    "drivers/rtc",
    "drivers/nvmem", "drivers/pci", "drivers/phy", "drivers/of", "drivers/base", "drivers/scsi/scsi_mod.ko",
    "drivers/scsi/scsi_common.ko", "drivers/scsi/sd_mod.ko", "drivers/nvme",
)  # fmt: skip

BOARDS = {
    "qemu-arm64": Board(
        "qemu-arm64",
        f"console=ttyAMA0 {QUIET}",
        ("virtio_pci", "virtio_blk", *FILE_SYSTEMS),
        {
            "status.serial.device": "/dev/ttyAMA0",
            "status.gpio.chip": "/dev/gpiochip0",
            "status.gpio.ready": 5,
            "workers.deadline_scale": 200,
            "pipeline.processing.max_workers": 1,  # threads that wait for each other cost an emulator most
        },
    ),
    "rpi": Board(
        "rpi",
        f"console=tty0 console=ttyS1,115200 {QUIET}",
        FILE_SYSTEMS,
        {"status.serial.device": "/dev/ttyS1"},
        coldplug=(
            "drivers/mmc", "drivers/clk", "drivers/regulator", "drivers/reset", "drivers/firmware", "drivers/mailbox",
            "drivers/dma", "drivers/gpio", "drivers/pinctrl", "drivers/soc/bcm", "drivers/usb", "drivers/pci",
            "drivers/phy", "drivers/scsi", "drivers/nvme", "drivers/char", "drivers/tty", "drivers/i2c", "drivers/pwm",
            "drivers/watchdog",
        ),
        devicetrees="broadcom",
        modules=(
            "drivers/net/wireless/broadcom", "drivers/net/ethernet/broadcom", "drivers/net/phy", "drivers/net/mdio",
            "drivers/net/usb", "drivers/net/mii.ko", "drivers/staging/vc04_services", "drivers/bcma", "drivers/ssb",
        ),
    ),
}  # fmt: skip
