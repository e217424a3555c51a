"""The rules of studies, the same for REST, gRPC, workers and dispatcher.

Every function takes the connection, then the project: another project's study does not exist (``not-found``). Trials
are leased; ``attempt`` is the fence of everything that an evaluator says. Every change of a trial that engines should
know of raises the study's ``watermark`` and is kept (``trial_change``): the data of any moment can be had again.
"""

from service.studies.asks import Asked, ask, fall_back
from service.studies.comparisons import ComparisonRow, compare, list_comparisons, retract
from service.studies.evaluate import heartbeat, release, report, tell
from service.studies.features import features
from service.studies.owners import add, edit
from service.studies.pool import refill, suggest_with
from service.studies.read import best, get, get_by_name, history, list_page, pareto, trial, trials
from service.studies.rows import StudyRow, TrialRow
from service.studies.study import create, delete, set_state

__all__ = [
    "Asked",
    "ComparisonRow",
    "StudyRow",
    "TrialRow",
    "add",
    "ask",
    "best",
    "compare",
    "create",
    "delete",
    "edit",
    "fall_back",
    "features",
    "get",
    "get_by_name",
    "heartbeat",
    "history",
    "list_comparisons",
    "list_page",
    "pareto",
    "refill",
    "release",
    "report",
    "retract",
    "set_state",
    "suggest_with",
    "tell",
    "trial",
    "trials",
]
