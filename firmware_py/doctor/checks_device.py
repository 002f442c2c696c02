"""Where recognition runs: the processor, or an NVIDIA GPU that both the build and the driver know."""

from __future__ import annotations

from firmware_py.doctor import Case, Finding, check, fail, ok
from firmware_py.doctor.probe import ProbeError, probe

ASK = (
    "import json; from firmware_py.stt import device as d; found = d.cuda_devices(); "
    "print(json.dumps({'devices': found, 'missing': '' if found else d.missing()}))"
)


@check("device")
def device(case: Case) -> Finding:
    wanted = case.config.stt.optimization.device
    try:
        found = probe(ASK)
    except ProbeError as error:
        return fail(f"whisper.cpp cannot be asked for devices: {error}", "run 'make setup'")
    there = ", ".join(found["devices"])
    if wanted == "cpu":
        return ok("the processor" + (f"; device auto would use {there}" if there else ""))
    if there:
        return ok(f"{wanted}: CUDA on {there}")
    if wanted == "cuda":
        return fail(f"stt.optimization.device is cuda, and {found['missing']}", "set it to auto or cpu")
    return ok(f"auto, the processor: {found['missing']}")
