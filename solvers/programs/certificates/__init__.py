"""The independent checker: certificates of answers, checked on the program as the user sent it.

It shares no code with the engines and imports no solver. ``certify`` finds out what is true of an answer, ``settle``
decides what the answer may be called.
"""

from solvers.programs.certificates.certify import certify, certify_scenario, scenario_as_answer
from solvers.programs.certificates.gap import root_bound
from solvers.programs.certificates.iis import FeasiblePoint
from solvers.programs.certificates.settle import settle

__all__ = ["FeasiblePoint", "certify", "certify_scenario", "root_bound", "scenario_as_answer", "settle"]
