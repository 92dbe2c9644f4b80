"""Which connections have to go when there are too many: those that rest, the longest first."""

from __future__ import annotations

from duplicati_client.taskserver.crowd import Crowd, find_room


class One:
    """A connection, which is gone a moment after it was ended."""

    def __init__(self, crowd):
        self.crowd, self.is_open = crowd, True
        crowd.enter(self)

    def abort(self):
        self.is_open = False

    def end(self):
        self.is_open = False
        self.crowd.leave(self)


def make(most):
    noted = []
    return Crowd(most, lambda: noted.append("gone")), noted


def test_who_rests_the_longest_goes_for_who_comes():
    crowd, noted = make(2)
    first, second, third = One(crowd), One(crowd), One(crowd)
    assert [one.is_open for one in (first, second, third)] == [False, True, True]
    assert noted == ["gone"]


def test_many_who_come_at_once_have_as_many_sent_away():
    crowd, noted = make(10)
    everybody = [One(crowd) for _ in range(30)]
    assert [one.is_open for one in everybody] == [False] * 20 + [True] * 10
    for one in everybody[:20]:
        one.end()
    crowd.rest(everybody[0])
    assert (len(noted), One(crowd).is_open, everybody[20].is_open, everybody[21].is_open) == (20, True, False, True)


def test_who_is_being_answered_stays_and_who_asked_lately_stays_longer():
    crowd, _ = make(3)
    working, lately, idle = One(crowd), One(crowd), One(crowd)
    crowd.work(working)
    crowd.work(lately)
    crowd.rest(lately)
    One(crowd)
    assert (working.is_open, lately.is_open, idle.is_open) == (True, True, False)


def test_who_comes_goes_where_all_others_are_being_answered():
    crowd, _ = make(2)
    first, second = One(crowd), One(crowd)
    for one in (first, second):
        crowd.work(one)
    third = One(crowd)
    assert (first.is_open, second.is_open, third.is_open) == (True, True, False)


def test_whoever_left_leaves_room():
    crowd, noted = make(1)
    for _ in range(5):
        One(crowd).end()
    assert noted == []


def test_there_is_room_for_some_and_not_for_more_than_descriptors():
    assert 50 <= find_room() <= 20_000
