"""What a conversation begins with: a world to ask, and hands to act with."""

from __future__ import annotations

from firmware_py.actions.runner import Runner
from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.deeds import Deeds
from firmware_py.agenda.lists import Lists
from firmware_py.controls import Loudspeaker, Routes, SpeakerControls
from firmware_py.pipeline import VoicePipeline
from firmware_py.respond.world import LocalWorld, Volume


def begin_conversation(pipeline: VoicePipeline, loudspeaker: Loudspeaker, *, act: bool) -> SpeakerControls:
    """A fresh conversation: no history, no cached reply; with ``act`` replies do what they say.

    Timers and lists are the pipeline's own (the service's are durable), else there are none and they last as long.
    """
    controls = SpeakerControls(loudspeaker, pipeline.config.audio.output.volume)
    agenda, lists = pipeline.agenda or Agenda(), pipeline.lists or Lists()
    pipeline.world = LocalWorld(
        clock=agenda.clock.now,
        read_volume=lambda: Volume(controls.percent, controls.is_muted),
        agenda=agenda,
        lists=lists,
    )
    pipeline.actuator = Routes(controls, [Deeds(agenda, lists), _runner(pipeline)]) if act else None
    pipeline.new_conversation()
    return controls


def _runner(pipeline: VoicePipeline) -> Runner:
    """The service's own, or one that does an action before the reply is spoken."""
    runner: Runner | None = pipeline.runner
    return runner or Runner([str(path) for path in pipeline.config.nlp.programs], is_inline=True)
