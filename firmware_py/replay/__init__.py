"""A conversation kept, and run again: the same sound, clock, dice and readings, so that a complaint becomes a test.

``form`` is what lies on the disk (``docs/record-replay.md``), ``world`` notes and repeats what skills read, ``session``
gathers a conversation while it happens, ``again`` walks a kept one and ``compare`` says what differs.
"""
