"""Pictures for ``--plot``: a turn's stages over time, percentiles as bars. Drawn with Pillow, the extra ``plot``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_py.cli.bench_rows import MARKS, ROWS, Times
from firmware_py.errors import NotFound, Unavailable, UsageError
from firmware_py.events import TurnTrace

WIDTH, LEFT, RIGHT = 1500, 210, 70
ROW, BAR, HEAD, FOOT = 34, 22, 104, 52
LONGEST_MS = 800.0
"""Of the speech before its end and of the answer behind ``heard``: what is drawn of either."""
INK = "#222222"
STEPS_MS = (0.01, 0.1, 1, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 10**9)
COLOURS = {
    "speech": "#8a8f98",
    "silence": "#c9ccd1",
    "stt": "#2f6db5",
    "nlu": "#3c9a6f",
    "reply": "#b58a2f",
    "tts_first": "#b5472f",
    "answer": "#6b4fa0",
}
LINES = {"pause": "#555555", "endpoint": "#000000", "play_first": "#6b4fa0", "heard": "#b5472f"}
Bar = tuple[str, str, float, float]
"""Label, colour, start and end in milliseconds."""


def check(file: Path) -> None:
    """Raises at once, before anything is measured, when no picture could be written to ``file``."""
    if file.suffix.lower() != ".png":
        raise UsageError(f"--plot {file}: a name that ends in .png is needed")
    if not file.parent.is_dir():
        raise NotFound(f"--plot {file}: no such folder '{file.parent}'")
    _pillow()


def _pillow() -> tuple[Any, Any, Any]:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise Unavailable("--plot needs Pillow: pip install 'rtva[plot]'") from None
    return Image, ImageDraw, ImageFont


@dataclass
class Canvas:
    """A white picture with one time axis, drawn from the top down."""

    height: int
    span_ms: tuple[float, float]
    image: Any = field(init=False)
    _draw: Any = field(init=False)
    _fonts: dict[int, Any] = field(init=False)

    def __post_init__(self) -> None:
        image, draw, font = _pillow()
        self.image = image.new("RGB", (WIDTH, self.height), "white")
        self._draw = draw.Draw(self.image)
        self._fonts = {size: font.load_default(size) for size in (15, 17, 22)}

    def x(self, ms: float) -> float:
        low, high = self.span_ms
        return LEFT + (ms - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def text(self, x: float, y: float, text: str, size: int = 15, colour: str = INK, anchor: str = "lm") -> None:
        self._draw.text((x, y), text, font=self._fonts[size], fill=colour, anchor=anchor)

    def line(self, x: float, top: float, bottom: float, colour: str, width: int = 1) -> None:
        self._draw.line([(x, top), (x, bottom)], fill=colour, width=width)

    def bar(self, y: float, colour: str, start_ms: float, end_ms: float) -> None:
        """From ``start_ms`` to ``end_ms``, cut at the picture's edges, and never too thin to be seen."""
        left = max(LEFT, self.x(start_ms))
        right = min(WIDTH - RIGHT, max(self.x(end_ms), left + 3))
        self._draw.rectangle([left, y - BAR / 2, right, y + BAR / 2], fill=colour)

    def length(self, y: float, start_ms: float, stop_ms: float) -> None:
        """The length of a bar beside it, or inside where it reaches the edge."""
        right = min(self.x(stop_ms), WIDTH - RIGHT)
        text = f"{stop_ms - start_ms:,.{0 if stop_ms - start_ms >= 10 else 2}f} ms"
        if right > WIDTH - RIGHT - 90:
            self.text(right - 8, y, text, colour="white", anchor="rm")
            return
        left, top, right, bottom = self._draw.textbbox((right + 9, y), text, font=self._fonts[15], anchor="lm")
        self._draw.rectangle([left - 3, top - 2, right + 3, bottom + 2], fill="white")
        self.text(left, y, text)

    def grid(self, top: float, bottom: float, unit: str) -> None:
        low, high = self.span_ms
        step = next(step for step in STEPS_MS if (high - low) / step <= 16)
        tick = -(-low // step) * step
        while tick <= high:
            self.line(self.x(tick), top, bottom, "#e4e6ea")
            self.text(self.x(tick), bottom + 14, f"{tick:g}", colour="#555555", anchor="mm")
            tick += step
        self.text((LEFT + WIDTH - RIGHT) / 2, bottom + 34, unit, colour="#555555", anchor="mm")

    def save(self, file: Path) -> None:
        try:
            self.image.save(file, "PNG")
        except OSError as error:
            raise Unavailable(f"--plot {file}: {error.strerror or error}") from error


def waterfall(file: Path, turns: Sequence[tuple[str, TurnTrace]]) -> None:
    """Each turn below the other on one time axis that begins at the end of speech."""
    panels = [(title, turn, bars_of(turn)) for title, turn in turns]
    first = min(max(bars[0][2], -LONGEST_MS) for _, _, bars in panels)
    last = max((turn.response_gap_ms or bars[-1][3]) + LONGEST_MS / 2 for _, turn, bars in panels)
    heights = [HEAD + ROW * len(bars) + FOOT for _, _, bars in panels]
    canvas = Canvas(sum(heights), (first, last))
    top = 0
    for (title, turn, bars), height in zip(panels, heights, strict=True):
        _panel(canvas, top, title, turn, bars)
        top += height
    canvas.save(file)


def bars_of(turn: TurnTrace) -> list[Bar]:
    """A turn in milliseconds from its end of speech, in the order of the walk."""
    zero = turn.marks["speech_end"]
    at = {name: (mark - zero) / 1e6 for name, mark in turn.marks.items()}
    bars = [("speech", "speech", at["speech_start"], 0.0), ("silence", "silence", 0.0, at["endpoint"])]
    for stage, mark in MARKS.items():
        if mark in at:
            bars.append((ROWS[stage], stage, at[mark] - turn.stages_ms.get(stage, 0.0), at[mark]))
    if "heard" in at:
        bars.append(("answer is heard", "answer", at["heard"], at.get("play_done", at["heard"])))
    return bars


def _panel(canvas: Canvas, top: int, title: str, turn: TurnTrace, bars: Sequence[Bar]) -> None:
    begin, end = top + HEAD - ROW // 2, top + HEAD + ROW * len(bars) - ROW // 2
    said = turn.transcript if len(turn.transcript) < 90 else turn.transcript[:87] + "..."
    canvas.text(16, top + 26, f'{title}: "{said}"', size=22)
    canvas.grid(begin, end, "milliseconds after the end of speech")
    for number, (label, colour, start, stop) in enumerate(bars):
        y = top + HEAD + ROW * number
        canvas.text(LEFT - 12, y, label, size=17, anchor="rm")
        canvas.bar(y, COLOURS[colour], start, stop)
    _lines(canvas, turn, begin, end)
    for number, (_, _, start, stop) in enumerate(bars):
        canvas.length(top + HEAD + ROW * number, start, stop)


def _lines(canvas: Canvas, turn: TurnTrace, begin: int, end: int) -> None:
    """The marks, their names above the bars; those that stand close are named one above the other."""
    reached = [(turn.between_ms(mark, "speech_end"), mark) for mark in LINES if mark in turn.marks]
    last = [-1e9, -1e9]
    for ms, mark in sorted((ms, mark) for ms, mark in reached if ms is not None):
        x = canvas.x(ms)
        level = 0 if x - last[0] > 150 else 1
        last[level] = x
        y = begin - 12 - 20 * level
        canvas.line(x, y + 8, end, LINES[mark], 2)
        canvas.text(x, y, f"{mark} {ms:.0f}", colour=LINES[mark], anchor="mm")


def percentile_bars(file: Path, title: str, rows: dict[str, Times]) -> None:
    """A bar a stage up to its P99, darker up to P95 and up to P50."""
    shades = (("p99_ms", "#cfdcec"), ("p95_ms", "#8fb2d9"), ("p50_ms", "#2f6db5"))
    canvas = Canvas(HEAD + ROW * len(rows) + FOOT, (0.0, max(row["p99_ms"] for row in rows.values()) * 1.02 or 1.0))
    canvas.text(16, 26, title, size=22)
    canvas.text(16, 56, "dark: up to P50; middle: up to P95; light: up to P99", colour="#555555")
    canvas.grid(HEAD - ROW // 2, HEAD + ROW * len(rows) - ROW // 2, "ms")
    for number, (name, row) in enumerate(rows.items()):
        y = HEAD + ROW * number
        canvas.text(LEFT - 12, y, name, size=17, anchor="rm")
        for percentile, colour in shades:
            canvas.bar(y, colour, 0.0, row[percentile])
        figures = " / ".join(f"{row[p]:.2f}" for p in ("p50_ms", "p95_ms", "p99_ms"))
        right = canvas.x(row["p99_ms"])
        inside = right > WIDTH - RIGHT - 180
        canvas.text(right - 8 if inside else right + 8, y, figures, anchor="rm" if inside else "lm")
    canvas.save(file)
