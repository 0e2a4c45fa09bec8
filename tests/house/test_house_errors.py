"""Errors say what must hold, what was found, where and what to try, and survive a trip to a worker and back."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from assaykit import errors
from assaykit.errors import AssaykitError, Faults, FcsError, InputError, LayoutError, raise_all

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AssaykitError)]


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not Faults])
def test_every_error_pickles_with_its_parts(kind):
    again = pickle.loads(
        pickle.dumps(kind("a dose must have a unit", "'imatinib 1'", "plate.toml, A1", "write '1 uM'"))
    )
    assert type(again) is kind
    assert (again.must, again.found) == ("a dose must have a unit", "'imatinib 1'")
    assert (again.where, again.remedy) == ("plate.toml, A1", "write '1 uM'")


def test_an_fcs_error_keeps_its_byte_keyword_and_value():
    again = pickle.loads(pickle.dumps(FcsError("a", "b", "c", "d", 58, "$TOT", "12x")))
    assert (again.byte, again.keyword, again.value) == (58, "$TOT", "12x")


def test_faults_keep_every_error():
    faults = Faults([LayoutError("one"), FcsError("two", byte=3)])
    again = pickle.loads(pickle.dumps(faults))
    assert [type(error) for error in again.errors] == [LayoutError, FcsError]
    assert str(again) == "one.\ntwo."


def fail_in_a_worker(number):
    raise FcsError("$TOT must be a number", "'x'", "a.fcs", "export it again", number, "$TOT", "x")


def test_a_worker_s_message_arrives_whole():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        future = pool.submit(fail_in_a_worker, 12)
        with pytest.raises(FcsError, match=r"^a\.fcs: \$TOT must be a number; found 'x'\. Try: export it again\.$"):
            future.result()


def test_one_fault_is_raised_as_itself_and_several_together():
    raise_all([])
    with pytest.raises(LayoutError):
        raise_all([LayoutError("one")])
    with pytest.raises(Faults, match="one"):
        raise_all([LayoutError("one"), InputError("two")])


def test_the_tree_in_the_module_s_docstring_names_every_error():
    for kind in ALL:
        assert kind.__name__ in (errors.__doc__ or "")
