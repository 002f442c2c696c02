"""rtva: a headless, fully offline, real-time voice assistant.

``from firmware_py import VoicePipeline`` is the library; ``rtva`` (``python -m firmware_py``) the appliance.
Start reading at ``docs/tour.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware_py.pipeline import VoicePipeline

__version__ = "0.1.0"
__all__ = ["VoicePipeline", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "VoicePipeline":
        from firmware_py.pipeline import VoicePipeline

        return VoicePipeline
    raise AttributeError(name)
