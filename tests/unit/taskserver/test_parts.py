"""How often daemons shall poll: the more there are, the more slowly."""

from __future__ import annotations

from duplicati_client.taskserver.parts import Pace


def test_few_daemons_poll_as_often_as_the_setting_says_and_many_fifty_times_a_second_together():
    pace = Pace()
    paces = []
    for count in (0, 500, 501, 5000):
        pace.adjust(10, count)
        paces.append(pace.seconds)
    assert paces == [10, 10, 11, 100]
    pace.adjust(300)
    assert pace.seconds == 300
    pace.adjust(10)
    assert pace.seconds == 100
