from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from solvers.programs.certificates.arithmetic import Entries, exact_dot, exact_products, total

ORDINARY = st.floats(-1e30, 1e30, allow_subnormal=False)
ANY_FINITE = st.floats(allow_nan=False, allow_infinity=False)


def exactly(a, b):
    return sum((Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a, b, strict=True)), Fraction(0))


@given(hnp.arrays(float, st.integers(0, 12), elements=ANY_FINITE), st.data())
def test_an_exact_dot_product_has_the_sign_of_the_rational_one(a, data):
    b = data.draw(hnp.arrays(float, a.size, elements=ANY_FINITE))
    exact, found = exactly(a, b), exact_dot(a, b)
    assert (found > 0) == (exact > 0)
    assert (found < 0) == (exact < 0)


@given(hnp.arrays(float, st.integers(1, 12), elements=ORDINARY), st.data())
def test_an_exact_dot_product_is_the_nearest_double(a, data):
    b = data.draw(hnp.arrays(float, a.size, elements=ORDINARY))
    exact = exactly(a, b)
    if abs(exact) > Fraction(1, 10**250):
        assert exact_dot(a, b) == float(exact)


def test_cancellation_that_doubles_lose_is_found():
    ones, values = np.ones(3), np.array([1e16, 1.0, -1e16])
    assert float(ones @ values) == 0.0
    assert exact_dot(ones, values) == 1.0


def test_products_beyond_the_doubles_are_still_summed_exactly():
    assert exact_dot(np.array([1e200, 1e200]), np.array([1e200, -1e200]), 1.0) == 1.0
    assert exact_dot(np.array([1e-300]), np.array([1e-300])) > 0.0


@given(hnp.arrays(float, st.integers(1, 6), elements=ANY_FINITE), st.data())
def test_triple_products_are_exact(a, data):
    b = data.draw(hnp.arrays(float, a.size, elements=ANY_FINITE))
    c = data.draw(hnp.arrays(float, a.size, elements=ANY_FINITE))
    exact = sum(
        (Fraction(p) * Fraction(q) * Fraction(r) for p, q, r in zip(a.tolist(), b.tolist(), c.tolist(), strict=True))
    )
    assert sum((Fraction(term) for term in exact_products(a, b, c)), Fraction(0)) == exact


@pytest.mark.parametrize("size", [0, 1, 7, 2048, 2049, 5000])
def test_the_error_of_a_sum_is_within_its_bound(size):
    rng = np.random.default_rng(size)
    terms = rng.standard_normal(size) * 10.0 ** rng.integers(-8, 8, size)
    exact = sum(map(Fraction, terms.tolist()), Fraction(0))
    value, error = total(terms)
    assert abs(Fraction(value) - exact) <= Fraction(error)
    assert error <= 1e-13 * max(1e-300, np.abs(terms).sum()) + 1e-300


@given(st.integers(0, 2**32))
def test_sparse_products_are_within_their_error_bounds_in_both_directions(seed):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 8, 2)
    dense = np.where(rng.random((m, n)) < 0.6, rng.standard_normal((m, n)) * 10.0 ** rng.integers(-6, 7, (m, n)), 0.0)
    entries = Entries(sp.csr_array(dense))
    x, y = rng.standard_normal(n) * 1e5, rng.standard_normal(m)
    for product, matrix, vector in ((entries.times(x), dense, x), (entries.transposed_times(y), dense.T, y)):
        for k, row in enumerate(matrix):
            assert abs(Fraction(product.value[k]) - exactly(row, vector)) <= Fraction(product.error[k])
