"""The guide's four troubles, one line each; ``rtva doctor --trouble TOPIC`` shows the five answers behind one."""

from __future__ import annotations

from firmware_py.doctor import Case, Finding, check
from firmware_py.doctor.trouble import summary


@check("trouble: latency")
def latency(case: Case) -> Finding:
    return summary(case, "latency")


@check("trouble: drop-outs")
def drop_outs(case: Case) -> Finding:
    return summary(case, "drop-outs")


@check("trouble: memory")
def memory(case: Case) -> Finding:
    return summary(case, "memory")


@check("trouble: cpu")
def cpu(case: Case) -> Finding:
    return summary(case, "cpu")
