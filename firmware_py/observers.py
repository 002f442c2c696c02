"""Who is told of what the walk does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_py.errors import RtvaError
from firmware_py.events import Partial, State, TurnEvent, TurnTrace, WakeHeard


@dataclass
class Observers:
    """Who is told; all must return at once."""

    on_state: Callable[[State], None] = field(default=lambda state: None)
    on_turn: Callable[[TurnTrace], None] = field(default=lambda trace: None)
    on_failure: Callable[[RtvaError], None] = field(default=lambda error: None)
    on_utterance: Callable[[TurnEvent, TurnTrace | None, str], None] = field(default=lambda event, trace, error: None)
    """A finished utterance with its sound, the turn that came of it and what failed ("" when nothing did)."""
    on_shed: Callable[[TurnEvent, str], None] = field(default=lambda event, reason: None)
    """A finished utterance that was dropped unheard, and why; in the listen thread."""
    on_event: Callable[[TurnEvent], None] = field(default=lambda event: None)
    """Each decision of the endpointer, in the listen thread."""
    on_take: Callable[[TurnEvent], None] = field(default=lambda event: None)
    """The turn thread begins with an event."""
    on_partial: Callable[[Partial], None] = field(default=lambda partial: None)
    """Text so far, while a person speaks; in the thread for that."""
    on_wake: Callable[[WakeHeard], None] = field(default=lambda heard: None)
    """A wake word, or a near miss, in the listen thread."""
