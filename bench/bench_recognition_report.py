"""What ``bench_recognition.py`` says about its rows: summary, table, plot."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

MEASURED = ("clean", "24", "21", "18", "15", "12", "9", "6")
SNRS = (6, 9, 12, 15, 18, 21, 24)
PUBLISHED = {
    "Picovoice Rhino": (0.96, 0.97, 0.98, 0.99, 0.99, 0.99, 0.99),
    "IBM Watson": (0.72, 0.84, 0.89, 0.93, 0.95, 0.95, 0.96),
    "Microsoft LUIS": (0.86, 0.89, 0.90, 0.91, 0.92, 0.93, 0.93),
    "Amazon Lex": (0.80, 0.84, 0.85, 0.87, 0.87, 0.87, 0.88),
    "Google Dialogflow": (0.70, 0.78, 0.78, 0.80, 0.81, 0.82, 0.83),
}
"""Kitchen noise, 6 to 24 dB: published by Picovoice (speech-to-intent-benchmark, ``src/plot.py``), not measured here.
On 619 commands, of which the 144 orders here are a part."""

Rows = list[dict[str, Any]]


def is_right(row: dict[str, Any], engine: str) -> bool:
    """Whether intent and every slot are the label's."""
    return row[engine]["intent"] == row["label"]["intent"] and row[engine]["slots"] == row["label"]["slots"]


def share(rows: Rows, engine: str) -> float:
    """Of the rows that the engine heard, how many are wholly right; nan without rows."""
    heard = [is_right(r, engine) for r in rows if engine in r]
    return statistics.fmean(heard) if heard else float("nan")


def of(rows: Rows, condition: str) -> Rows:
    """The rows of one condition."""
    return [r for r in rows if r["condition"] == condition]


def slots_right(rows: Rows, engine: str) -> dict[str, float]:
    """Per slot, of the orders that have it, how many got its value."""
    seen: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for row in (r for r in rows if engine in r):
        for name, value in row["label"]["slots"].items():
            seen[name] += 1
            good[name] += row[engine]["slots"].get(name) == value
    return {name: round(good[name] / seen[name], 4) for name in sorted(seen)}


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """The figures of one model, for JSON and for the table."""
    rows, other = result["orders"], result["other"]
    near = [r for r in rows if r["condition"] != "far"]
    accepted = [r for r in other if r["guided"]["intent"] is not None]
    means = {e: statistics.fmean(share(of(rows, c), e) for c in MEASURED) for e in ("guided", "open")}
    held = [r for r in rows if r["held_out"]]
    return {
        "files": len({r["file"] for r in rows}),
        "right": {e: {c: round(share(of(rows, c), e), 4) for c in (*MEASURED, "far")} for e in ("guided", "open")},
        "mean_right": round(means["guided"], 4),
        "mean_right_open": round(means["open"], 4),
        "mean_right_held_out": round(statistics.fmean(share(of(held, c), "guided") for c in MEASURED), 4),
        "slots": {e: slots_right(near, e) for e in ("guided", "open")},
        "wrong_accepted": round(
            statistics.fmean(r["guided"]["intent"] is not None and not is_right(r, "guided") for r in near), 4
        ),
        "other": len(other),
        "other_accepted": len(accepted),
        "other_accepted_share": round(len(accepted) / max(1, len(other)), 4),
        "other_open": sum("open" in r for r in other),
        "other_accepted_open": sum(r["open"]["intent"] is not None for r in other if "open" in r),
        "other_median_ms": statistics.median(r["guided"]["ms"] for r in other) if other else None,
        "other_time_ratio": _ratio(other),
        "other_retries": round(statistics.fmean(r["guided"]["is_retry"] for r in other), 4) if other else None,
        "other_accepted_by_kind": dict(Counter(r["kind"] for r in accepted)),
        "other_by_kind": dict(Counter(r["kind"] for r in other)),
        "files_open": len({r["file"] for r in rows if "open" in r}),
        "median_ms": {e: statistics.median(r[e]["ms"] for r in near if "open" in r) for e in ("guided", "open")},
        "median_time_ratio": _ratio(near),
        "retries": round(statistics.fmean(r["guided"]["is_retry"] for r in near), 4),
    }


def _ratio(rows: Rows) -> float | None:
    """Median of the guided time over the open time, row by row."""
    ratios = [r["guided"]["ms"] / r["open"]["ms"] for r in rows if "open" in r]
    return round(statistics.median(ratios), 3) if ratios else None


def table(result: dict[str, Any]) -> str:
    """One model's figures as Markdown, the published ones beside them."""
    s = summary(result)
    lines = [
        f"## {result['model']}: {s['files']} recorded orders, {s['other']} pieces of other speech and noise",
        "",
        f"| orders wholly right | clean | {' | '.join(c + ' dB' for c in MEASURED[1:])} | far |",
        f"|---|{'---|' * (len(MEASURED) + 1)}",
    ]
    heard = {"guided": "guided", "open": f"open ({s['files_open']} of the orders)"}
    for engine in heard:
        figures = (f"{s['right'][engine][c]:.3f}" for c in (*MEASURED, "far"))
        lines.append(f"| {heard[engine]} | {' | '.join(figures)} |")
    lines += peer_lines(result["peer"])
    for name, values in PUBLISHED.items():
        lines.append(f"| {name} (published) | | {' | '.join(f'{v:.2f}' for v in reversed(values))} | |")
    lines += ["", "| figure | guided | open |", "|---|---|---|"]
    lines.append(f"| mean over clean and 24 to 6 dB | {s['mean_right']:.4f} | {s['mean_right_open']:.4f} |")
    lines.append(f"| the same, held-out files | {s['mean_right_held_out']:.4f} | |")
    lines.append(f"| orders taken for other orders | {s['wrong_accepted']:.4f} | |")
    lines.append(
        f"| other speech accepted | {s['other_accepted']} of {s['other']} ({s['other_accepted_share']:.4f}) "
        f"| {s['other_accepted_open']} of {s['other_open']} |"
    )
    lines.append(f"| median time, ms | {s['median_ms']['guided']:.0f} | {s['median_ms']['open']:.0f} |")
    lines.append(f"| median of the time ratios | {s['median_time_ratio']:.2f} | 1 |")
    lines.append(f"| retries at full context | {s['retries']:.4f} | |")
    if s["other_time_ratio"]:
        lines.append(f"| other speech: median of the time ratios | {s['other_time_ratio']:.2f} | 1 |")
        lines.append(f"| other speech: retries at full context | {s['other_retries']:.4f} | |")
    for name, right in s["slots"]["guided"].items():
        by_open = f"{s['slots']['open'][name]:.4f}" if name in s["slots"]["open"] else ""
        lines.append(f"| slot {name} | {right:.4f} | {by_open} |")
    kinds = ", ".join(f"{s['other_accepted_by_kind'].get(k, 0)} of {n} {k}" for k, n in s["other_by_kind"].items())
    return "\n".join([*lines, "", f"Accepted by kind: {kinds}."])


def peer_lines(rows: Rows) -> list[str]:
    """pocketsphinx's line of the table, each figure with its number of orders; none where it was not measured."""
    orders, other = [r for r in rows if "file" in r], [r for r in rows if "kind" in r]
    if not orders:
        return []
    accepted = sum(r["sphinx"]["intent"] is not None for r in other)
    taken = f"; takes {accepted} of {len(other)} others" if other else ""
    files = len({r["file"] for r in orders})
    measured = {c: of(orders, c) for c in (*MEASURED, "far")}
    figures = (f"{share(rows, 'sphinx'):.3f} ({len(rows)})" if rows else "" for rows in measured.values())
    name = f"pocketsphinx, JSGF ({files} of the orders{taken})"
    return [f"| {name} | {' | '.join(figures)} |"]


def plot(results: list[dict[str, Any]]) -> str:
    """Share of orders right over the noise level, as SVG; published figures dashed."""
    curves: list[tuple[str, list[float], bool]] = []
    for result in results:
        told = summary(result)
        right, files = told["right"], {"guided": told["files"], "open": told["files_open"]}
        names = {engine: f"{result['model']} {engine} ({count} orders)" for engine, count in files.items()}
        curves += [(name, [right[e][str(snr)] for snr in SNRS], False) for e, name in names.items()]
    curves += [(f"{name} (published)", list(values), True) for name, values in PUBLISHED.items()]
    colours = ("#0b6", "#999", "#06c", "#bbb", "#c40", "#a0a", "#740", "#088", "#555")
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="760" height="420" font-family="sans-serif" font-size="12">'
    ]
    for share_ in (0.2, 0.4, 0.6, 0.8, 1.0):
        y = _y(share_)
        parts.append(f'<path d="M50 {y}H520" stroke="#ddd"/><text x="20" y="{y + 4}">{share_}</text>')
    parts += [f'<text x="{_x(snr) - 6}" y="400">{snr}</text>' for snr in SNRS]
    parts.append('<text x="230" y="416">signal to noise, dB</text>')
    for number, (name, values, is_published) in enumerate(curves):
        colour = colours[number % len(colours)]
        path = " ".join(f"{_x(snr)},{_y(v)}" for snr, v in zip(SNRS, values, strict=True))
        dash = ' stroke-dasharray="4 3"' if is_published else ' stroke-width="2.5"'
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"{dash}/>')
        parts.append(f'<text x="540" y="{30 + 18 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(snr: float) -> float:
    return 60 + (snr - 6) * 25


def _y(value: float) -> float:
    return round(380 - 360 * value, 1)
