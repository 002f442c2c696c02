"""rtva: a headless, fully offline, real-time voice assistant.

``from firmware_py import VoicePipeline`` is the library; ``rtva`` (``python -m firmware_py``) the appliance.
Start reading at ``docs/tour.md``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware_py.pipeline import VoicePipeline

# onnxruntime from 1.29 on sends usage reports, and keeps them in a file until it can. Fully offline means neither;
# it looks only once, when its library is loaded, so this stands before anything that could load it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
__all__ = ["VoicePipeline", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "VoicePipeline":
        from firmware_py.pipeline import VoicePipeline

        return VoicePipeline
    raise AttributeError(name)
