"""The job rules: the same functions for REST, gRPC, workers and dispatcher.

Users' functions take the project first and know no other project's jobs (``KantorError`` "not-found"). Workers reach a
job by its id and attempt, after a claim. Every function is one statement: one transaction on an autocommit connection.
"""

from service.jobs.change import cancel, delete
from service.jobs.claim import claim, tidy
from service.jobs.listing import JobFilters, list_page
from service.jobs.read import answer, events, get, get_with_answer, input_document
from service.jobs.rows import Claim, EventRow, Hold, JobRow, Submitted
from service.jobs.run import add_events, extend, finish, hand_back, written
from service.jobs.submit import Submission, submit, submit_many

__all__ = [
    "Claim",
    "EventRow",
    "Hold",
    "JobFilters",
    "JobRow",
    "Submission",
    "Submitted",
    "add_events",
    "answer",
    "cancel",
    "claim",
    "delete",
    "events",
    "extend",
    "finish",
    "get",
    "get_with_answer",
    "hand_back",
    "input_document",
    "list_page",
    "submit",
    "submit_many",
    "tidy",
    "written",
]
