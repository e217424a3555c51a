"""``python -m service.openapi`` writes docs/openapi.json; ``--check`` only says whether that file is up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from service.app import create_app
from service.settings import Settings

SNAPSHOT = Path(__file__).parents[1] / "docs" / "openapi.json"


def generate() -> str:
    """The OpenAPI as text."""
    app = create_app(Settings.load({}, api_key_pepper="not used for describing"))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the snapshot; 1 if it is out of date."""
    text = generate()
    if "--check" in arguments:
        if SNAPSHOT.is_file() and SNAPSHOT.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("docs/openapi.json is out of date: run `make openapi` and look at what changed\n")
        return 1
    SNAPSHOT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
