"""What PostgreSQL did for a statement as it was really sent (auto_explain), so that no statement is written twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.errors import Diagnostic


@dataclass
class Plan:
    """The plans of the statements of one block.

    Attributes:
        rows: rows that scans read, with those that a filter threw away: what grows if an index is missing.
        scans: "Index Scan job_queue", "Seq Scan job"...
        blocks: pages of 8 kB that were touched, in memory or on disk.
    """

    rows: int = 0
    blocks: int = 0
    scans: list[str] = field(default_factory=list)

    @property
    def sequential(self) -> list[str]:
        """Tables that were read from end to end."""
        return sorted({scan for scan in self.scans if scan.startswith("Seq Scan")})

    def add(self, node: dict[str, Any]) -> None:
        """One node of a JSON plan, and all below it."""
        kind = node["Node Type"]
        if "Relation Name" in node or kind == "Bitmap Index Scan":
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            loops = node.get("Actual Loops", 1)
            if kind != "ModifyTable" and loops:
                self.rows += round((node.get("Actual Rows", 0) + removed) * loops)
                self.scans.append(f"{kind} {node.get('Index Name') or node.get('Relation Name', '')}".strip())
        for child in node.get("Plans", ()):
            self.add(child)


@contextmanager
def explained(connection: Connection[Any]) -> Iterator[Plan]:
    """Collect the plans of every statement that the block sends on this connection (needs a superuser)."""
    plan = Plan()

    def notice(message: Diagnostic) -> None:
        text = message.message_primary or ""
        if "plan:" not in text:
            return
        document = json.loads(text.partition("plan:")[2])
        plan.blocks += document["Plan"].get("Shared Hit Blocks", 0) + document["Plan"].get("Shared Read Blocks", 0)
        plan.add(document["Plan"])

    connection.execute("LOAD 'auto_explain'")
    options = {
        "log_min_duration": "0",
        "log_analyze": "on",
        "log_buffers": "on",
        "log_format": "json",
        "log_level": "notice",
    }
    for name, value in options.items():
        connection.execute(f"SET auto_explain.{name} = '{value}'")
    connection.add_notice_handler(notice)
    try:
        yield plan
    finally:
        connection.remove_notice_handler(notice)
        connection.execute("SET auto_explain.log_min_duration = -1")
