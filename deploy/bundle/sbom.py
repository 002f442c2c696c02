"""A CycloneDX 1.5 bill of materials of a bundle: every wheel and every weight, with version, licence and sha256."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from wheels import facts


def sbom(release: str, wheels: Iterable[Path], weights: Iterable[tuple[str, str, Path]], epoch: int) -> str:
    """``weights`` are (name, licence, file). The same input gives the same bytes."""
    components = [_wheel(path) for path in sorted(wheels)]
    components += [_weight(name, licence, path) for name, licence, path in weights]
    content = json.dumps(components, sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, timezone.utc).isoformat(),
            "component": {"type": "application", "name": "rtva", "version": release, "bom-ref": "rtva-bundle"},
        },
        "components": components,
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _hashes(path: Path) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]


def _wheel(path: Path) -> dict[str, Any]:
    found = facts(path)
    name = re.sub(r"[-_.]+", "-", found["name"]).lower()
    purl = f"pkg:pypi/{name}@{found['version']}"
    return {
        "type": "library",
        "bom-ref": purl,
        "purl": purl,
        "name": found["name"],
        "version": found["version"],
        "licenses": [{"license": {"name": found["licence"] or "see the package"}}],
        "hashes": _hashes(path),
    }


def _weight(name: str, licence: str, path: Path) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"weights:{name}/{path.name}",
        "name": f"{name}/{path.name}",
        "licenses": [{"license": {"name": licence}}],
        "hashes": _hashes(path),
    }
