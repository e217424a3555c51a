"""What a certificate's verdict says beside the status of the answer."""

from __future__ import annotations

import pytest
from kantor.certificate import Certificate

from api_schemas.certificates import Certificate as Contract


def certificate(status: str) -> Certificate:
    check = {"name": "feasibility", "outcome": "passed", "text": "all constraints hold"}
    contract = {"verified": True, "proved": True, "rests_on_engine": [], "checks": [check], "seconds": 0.1}
    return Certificate(Contract.model_validate(contract), status)


@pytest.mark.parametrize("status", ["optimal", "globally-optimal", "infeasible"])
def test_a_proved_optimum_is_called_proved(status: str) -> None:
    assert certificate(status).verdict == "proved: Kantor checked every claim itself"


@pytest.mark.parametrize("status", ["feasible", "locally-stationary", "not-verified"])
def test_beside_a_lesser_status_it_is_said_what_was_not_proved(status: str) -> None:
    assert certificate(status).verdict.startswith("proved: Kantor checked every claim itself; that ")
    assert certificate(status).verdict.endswith("is not claimed")
