"""Examples in the OpenAPI; the tests submit them."""

from typing import Any

JOB_REQUESTS: dict[str, Any] = {
    "linear": {
        "summary": "A linear program by arrays",
        "value": {
            "problem": {
                "kind": "program",
                "sense": "max",
                "objective": [3, 2],
                "A": {
                    "format": "csr",
                    "shape": [2, 2],
                    "data": [1, 1, 1, 3],
                    "indices": [0, 1, 0, 1],
                    "indptr": [0, 2, 4],
                },
                "row_upper": [4, 6],
                "upper": [3, "Infinity"],
            },
            "name": "two products",
            "labels": {"team": "planning"},
        },
    },
    "integer": {
        "summary": "A knapsack with integer variables, a named engine and limits",
        "value": {
            "problem": {
                "kind": "program",
                "sense": "max",
                "objective": [10, 13, 7],
                "A": {"format": "coo", "shape": [1, 3], "data": [3, 4, 2], "row": [0, 0, 0], "col": [0, 1, 2]},
                "row_upper": [6],
                "upper": [1, 1, 1],
                "integrality": [1, 1, 1],
                "variable_names": ["lamp", "tent", "rope"],
            },
            "engine": "auto",
            "options": {"time_limit": 10, "relative_gap": 0},
        },
    },
    "file": {
        "summary": "A model file",
        "value": {
            "problem": {
                "kind": "program",
                "file": {
                    "format": "lp",
                    "content": "max\n obj: x + y\nst\n c1: x + 2 y <= 4\n c2: 3 x + y <= 6\nend\n",
                },
            },
            "options": {"log": True},
        },
    },
}
KEY_REQUESTS: dict[str, Any] = {
    "reader": {
        "summary": "A key that only reads, for a week",
        "value": {"name": "board", "scopes": ["read"], "expires_in": 604800},
    }
}
KEY_ROTATIONS: dict[str, Any] = {"overlap": {"summary": "Both work for a day", "value": {"overlap": 86400}}}
PROJECT_REQUESTS: dict[str, Any] = {"project": {"summary": "A project", "value": {"name": "planning"}}}
MEMBER_REQUESTS: dict[str, Any] = {
    "editor": {
        "summary": "Who may submit in every project",
        "value": {"email": "ada@example.org", "name": "Ada", "role": "editor"},
    }
}
MEMBER_CHANGES: dict[str, Any] = {"admin": {"summary": "A new role", "value": {"role": "admin"}}}
WEBHOOK_REQUESTS: dict[str, Any] = {
    "failures": {
        "summary": "Hear of failures",
        "value": {"url": "https://example.org/kantor", "events": ["job.failed", "job.expired"]},
    }
}
WEBHOOK_CHANGES: dict[str, Any] = {"off": {"summary": "Switch it off", "value": {"active": False}}}
SECRET_ROTATIONS: dict[str, Any] = {"overlap": {"summary": "Both sign for a day", "value": {"overlap": 86400}}}
