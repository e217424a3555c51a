"""Examples in the OpenAPI of studies; the tests send them."""

from typing import Any

STUDY_REQUESTS: dict[str, Any] = {
    "training": {
        "summary": "Hyperparameters of a training, with a conditional one, two objectives and a constraint",
        "value": {
            "name": "lr-search",
            "space": {
                "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
                "layers": {"type": "int", "low": 1, "high": 8},
                "optimizer": {"type": "categorical", "choices": ["adam", "sgd"]},
                "momentum": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": "sgd"}},
            },
            "input_constraints": ["lr * layers <= 0.4"],
            "objectives": {"loss": "min", "latency": "min"},
            "constraints": {"memory": "<= 16"},
            "early_stopping": {"rule": "median"},
            "guesses": [{"lr": 0.001, "layers": 3, "optimizer": "adam"}],
        },
    }
}
ASK_REQUESTS: dict[str, Any] = {
    "four": {"summary": "Four trials for one evaluator", "value": {"count": 4, "client_id": "gpu-7", "wait": 2}},
    "fixed": {"summary": "A trial with a fixed optimizer", "value": {"fixed": {"optimizer": "adam"}}},
}
TRIAL_REQUESTS: dict[str, Any] = {
    "known": {
        "summary": "A point that was evaluated elsewhere",
        "value": {
            "params": {"lr": 0.01, "layers": 2, "optimizer": "adam"},
            "values": {"loss": 0.3, "latency": 12.5, "memory": 9},
        },
    },
    "next": {
        "summary": "A point to evaluate next",
        "value": {"params": {"lr": 0.02, "layers": 2, "optimizer": "adam"}},
    },
}
TELL_REQUESTS: dict[str, Any] = {
    "completed": {
        "summary": "An evaluation that succeeded",
        "value": {"values": {"loss": 0.25, "latency": 11, "memory": 8}, "attempt": 1},
    },
    "failed": {"summary": "One that broke", "value": {"state": "failed", "reason": "out of memory", "attempt": 1}},
}
REPORT_REQUESTS: dict[str, Any] = {
    "epoch": {"summary": "After the third epoch", "value": {"step": 3, "values": {"loss": 0.8}, "attempt": 1}}
}
LEASE_REQUESTS: dict[str, Any] = {"alive": {"summary": "Of the first attempt", "value": {"attempt": 1}}}
EDIT_REQUESTS: dict[str, Any] = {
    "corrected": {
        "summary": "A value that was measured wrongly",
        "value": {"values": {"loss": 0.27, "latency": 11, "memory": 8}, "reason": "measured again"},
    }
}
PREDICT_REQUESTS: dict[str, Any] = {
    "one": {"summary": "One point", "value": {"points": [{"lr": 0.01, "layers": 2, "optimizer": "adam"}]}}
}
COMPARISON_REQUESTS: dict[str, Any] = {
    "pair": {"summary": "Trial 2 is better than trial 1", "value": {"best": [2], "others": [1], "key": "a1"}},
    "ranking": {
        "summary": "Of five, 4 is best, then 1; the others were not put in order",
        "value": {"best": [4, 1], "others": [2, 3, 5]},
    },
}
IMPORT_REQUESTS: dict[str, Any] = {
    "two": {
        "summary": "Two evaluations, one of which failed",
        "value": {
            "trials": [
                {
                    "params": {"lr": 0.01, "layers": 2, "optimizer": "adam"},
                    "values": {"loss": 0.25, "latency": 11, "memory": 8},
                    "key": "run 17",
                },
                {
                    "params": {"lr": 0.1, "layers": 8, "optimizer": "adam"},
                    "state": "failed",
                    "reason": "out of memory",
                    "key": "run 18",
                },
            ]
        },
    }
}
