"""Every wrong field is named by a JSON pointer, in words for people, with a hint where one is due."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api_schemas.errors import KantorError
from api_schemas.jobs import OPTIONS, JobRequest
from service.rest.parsing import parse

GOOD: dict[str, Any] = {"objective": [1, 2]}
KINDS = " or ".join(filter(None, (", ".join(list(OPTIONS)[:-1]), list(OPTIONS)[-1])))


def refused(body: Any) -> KantorError:
    with pytest.raises(KantorError) as caught:
        parse(JobRequest, body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


def outcome(body: bytes) -> KantorError | None:
    try:
        parse(JobRequest, body)
    except KantorError as error:
        return error
    return None


def told(body: Any) -> list[tuple[str, str, str]]:
    return [(e.pointer, e.detail, e.hint) for e in refused(body).errors]


@pytest.mark.parametrize(
    ("body", "code", "expected"),
    [
        ({}, "invalid-request", [("/problem", "is missing", "")]),
        (3, "invalid-request", [("", "must be an object, but is 3", "")]),
        (
            {"problem": GOOD, "optons": {}},
            "invalid-request",
            [("/optons", "is unknown here", "did you mean 'options'?")],
        ),
        (
            {"problem": GOOD, "options": {"time_limt": 3}},
            "invalid-option",
            [("/options/time_limt", "is unknown here", "did you mean 'time_limit'?")],
        ),
        (
            {"problem": {"kind": "transport", "type": "sliced", "x": [0.0], "y": [1.0], "suport": 1}},
            "invalid-request",
            [("/problem/suport", "is unknown here", "there are: a, b, kind, name, p, projections, type, x, y")],
        ),
        (
            {"problem": {"kind": "transport", "x": [0.0], "y": [1.0]}, "options": {"feasibility_tolerance": 1.0}},
            "invalid-option",
            [("/options/feasibility_tolerance", "is unknown here", "did you mean 'marginal_tolerance'?")],
        ),
        (
            {"problem": GOOD, "options": {"threads": 0, "seed": 1.5}},
            "invalid-option",
            [
                ("/options/threads", "must be at least 1, but is 0", ""),
                ("/options/seed", "must be a whole number, but is 1.5", ""),
            ],
        ),
        (
            {"problem": GOOD, "options": {"method": "simplx"}},
            "invalid-option",
            [
                (
                    "/options/method",
                    "must be auto, simplex, primal-simplex, dual-simplex, ipm, pdlp or branch-and-bound, "
                    'but is "simplx"',
                    "did you mean 'simplex'?",
                )
            ],
        ),
        (
            {"problem": {"kind": "programm"}},
            "invalid-request",
            [("/problem/kind", f'must be {KINDS}, but is "programm"', "did you mean 'program'?")],
        ),
        (
            {"problem": {"objective": "a"}},
            "invalid-request",
            [("/problem/objective", 'must be a list or an object, but is "a"', "")],
        ),
        (
            {"problem": {"objective": [1, None]}},
            "invalid-request",
            [("/problem/objective/1", "must be a number, but is null", "")],
        ),
        (
            {"problem": {"objective": [1, "2"]}},
            "invalid-request",
            [("/problem/objective/1", 'must be a number, but is "2"', "")],
        ),
        (
            {"problem": {"objective": {"dtype": "float6", "shape": [1]}}},
            "invalid-request",
            [
                (
                    "/problem/objective/dtype",
                    'must be float64, float32, int64, int32, uint8 or int8, but is "float6"',
                    "did you mean 'float64'?",
                ),
                ("/problem/objective/base64", "is missing", ""),
            ],
        ),
        (
            {"problem": {"objective": {"artifact": "art_x"}}},
            "invalid-request",
            [
                (
                    "/problem/objective/artifact",
                    'does not have the form ^art_[0-7][0-9a-hjkmnp-tv-z]{25}$, but is "art_x"',
                    "",
                )
            ],
        ),
        (
            {"problem": {**GOOD, "A": {"format": "csc"}}},
            "invalid-request",
            [("/problem/A", "format must be csr or coo", "")],
        ),
        (
            {
                "problem": {
                    **GOOD,
                    "A": {
                        "format": "csr",
                        "shap": [1, 2],
                        "shape": [1, 2],
                        "data": [],
                        "indices": [],
                        "indptr": [0, 0],
                    },
                }
            },
            "invalid-request",
            [("/problem/A/shap", "is unknown here", "did you mean 'shape'?")],
        ),
        (
            {"problem": {**GOOD, "lower": [1]}},
            "invalid-problem",
            [("/problem/lower", "lower has 1 entries, but there are 2 variables", "")],
        ),
        (
            {"problem": {**GOOD, "lower": [5, 1], "upper": [4, 1]}},
            "invalid-problem",
            [("/problem/upper/0", "lower 5 is above upper 4", "")],
        ),
        (
            {"problem": {**GOOD, "variable_names": ["x", "x"]}},
            "invalid-problem",
            [("/problem/variable_names/1", "the name 'x' is used twice", "")],
        ),
        (
            {"problem": {"file": {}}},
            "invalid-problem",
            [("/problem/file", "give exactly one of content, base64 and artifact", "")],
        ),
        (
            {"problem": GOOD, "options": {"engine_options": {"a": [1]}}},
            "invalid-option",
            [("/options/engine_options/a", "must be a number, true or false or a string, but is a list", "")],
        ),
        (
            {"problem": GOOD, "options": {"start": {"primal": {"x": "much"}}}},
            "invalid-option",
            [("/options/start/primal/x", 'must be a number, but is "much"', "")],
        ),
        (
            {"problem": GOOD, "labels": {"": "x"}},
            "invalid-request",
            [("/labels/", "the name must have at least 1 character", "")],
        ),
        (
            {"problem": GOOD, "name": "a\u0000b"},
            "invalid-request",
            [("/name", "must have no control characters, but is a text of 3", "")],
        ),
        (
            {"problem": GOOD, "options": {"race": ["highs"]}},
            "invalid-option",
            [("/options/race", "must have at least 2 entries, but has 1", "")],
        ),
        (
            {"problem": GOOD, "labels": {"a/b~c": 1}},
            "invalid-request",
            [("/labels/a~1b~0c", "must be a string, but is 1", "")],
        ),
    ],
)
def test_a_wrong_field_is_named(body: Any, code: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(body) == expected
    assert refused(body).code == code


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_coefficients_must_be_finite(number: str) -> None:
    body = b'{"problem":{"objective":[1,%s]}}' % number.encode()
    assert told(body)[0][:2] == (
        "/problem/objective/1",
        "must be a finite number: NaN and infinity are not allowed here",
    )
    assert refused(body).code == "invalid-problem"


def test_bounds_may_be_infinite_but_not_nan() -> None:
    parse(JobRequest, b'{"problem":{"objective":[1,1],"lower":["-Infinity",-Infinity],"upper":["Infinity",1e999]}}')
    assert told({"problem": {**GOOD, "upper": ["NaN", 1]}})[0][0] == "/problem/upper/0"


@pytest.mark.parametrize(
    ("body", "words", "line", "column"),
    [
        (b'{"problem":\n {"objective": [1,\n 2}', "expected `,` or `]`", 3, 3),
        (b'{"problem":\n', "the text ends too early within a value", 2, 0),
        (b'{"problem": nan}', "a word is not JSON", 1, 14),
        (b"{'problem': 1}", "the name of a field needs double quotes", 1, 2),
        (b'{"a": "\xff"}', "the text is not UTF-8", 1, 8),
        (b'{"a": 1} x', "there is more text after the end of the JSON", 1, 10),
    ],
)
def test_text_that_is_not_json_is_located(body: bytes, words: str, line: int, column: int) -> None:
    error = refused(body)
    assert error.code == "malformed-json"
    assert error.detail.startswith(f"the body is not JSON: {words}")
    assert error.detail.endswith(f"(line {line}, column {column})")
    assert error.errors[0].pointer == f"line {line}"


def test_an_empty_body_is_said_to_be_empty() -> None:
    assert refused(b" \n").detail == "the body is empty; send a JSON object"


def test_many_wrong_fields_are_listed_up_to_fifty() -> None:
    error = refused({"problem": GOOD, **{f"x{k}": 1 for k in range(80)}})
    assert len(error.errors) == 50
    assert error.detail == "80 fields are wrong (the first 50 are listed)"


def test_large_input_is_never_echoed() -> None:
    secret = "confidential " * 1000
    for body in ({"problem": GOOD, "name": secret}, {"problem": secret}, {secret: 1, "problem": GOOD}):
        error = refused(body)
        assert len(error.detail) < 500
        assert all(len(e.pointer + e.detail + e.hint) < 500 for e in error.errors)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["objective", "A", "format", "options", "start", "primal", "file", "x", "labels"]),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_parsed_or_refused_with_a_known_code(value: Any) -> None:
    for body in (
        {"problem": value},
        {"problem": GOOD, "options": value},
        {"problem": {**GOOD, "A": value, "cones": [value]}},
    ):
        refusal = outcome(json.dumps(body).encode())
        if refusal is not None:
            assert refusal.code in {"invalid-request", "invalid-problem", "invalid-option", "malformed-json"}
            assert refusal.errors
