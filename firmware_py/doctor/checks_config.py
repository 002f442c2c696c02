"""The configuration, and what of it this version does not use."""

from __future__ import annotations

from firmware_py.config import describe
from firmware_py.doctor import Case, Finding, check, fail, ok, warn


@check("configuration")
def configuration(case: Case) -> Finding:
    if case.config_error:
        return fail(case.config_error, "'rtva config explain' says what is allowed")
    if case.effective.path is None:
        return ok("no file; the defaults are in force")
    return ok(f"{case.effective.path}")


@check("unused keys")
def unused_keys(case: Case) -> Finding:
    planned = {key for key, knob in describe().items() if knob.is_planned}
    written = [key for key, origin in case.effective.origins.items() if key in planned and origin != "default"]
    if written:
        return warn(f"set, but not used yet: {', '.join(written)}", "they change nothing in this version")
    return ok("every key that is set is used")
