"""A store that an earlier release made is brought up to date, with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from importlib import resources

from duplicati_client.taskserver.store import migrations
from duplicati_client.taskserver.store.audit import add_up
from tests.contract.store_stage import opened

FIRST = (resources.files(migrations) / "versions" / "0001.sql").read_text(encoding="utf-8")
ENTRIES = [("daemon.add", "d-1"), ("task.create", "d-1"), ("task.cancel", "d-1/1")]


def make_first(path: str) -> None:
    """Write a store as the first release left it: three acts, each with its sum, and an epoch."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(FIRST)
        connection.execute("create table alembic_version (version_num varchar(32) primary key)")
        connection.execute("insert into alembic_version values ('0001')")
        connection.execute("insert into settings values ('epoch', 'e1')")
        total = ""
        for number, (action, subject) in enumerate(ENTRIES, 1):
            entry = {
                "number": number,
                "at": number,
                "actor": "a",
                "action": action,
                "subject": subject,
                "details": "{}",
            }
            total = add_up(total, entry)
            connection.execute("insert into audit values (?, ?, ?, ?, ?, ?, ?)", [*entry.values(), total])
        connection.execute("update audit_head set number = ?, sum = ?", [len(ENTRIES), total])


def test_a_store_of_the_first_release_keeps_its_audit_log_and_its_epoch(tmp_path):
    path = str(tmp_path / "store.db")
    make_first(path)
    with opened(path) as stage:
        register = stage.store.register
        stage.add_daemon()
        listed = stage.run(register.list_audit(None, 10)).items
        assert [entry.action for entry in listed] == ["daemon.add", *(action for action, _ in reversed(ENTRIES))]
        assert stage.run(register.check_audit()) is None
        assert stage.run(register.get_epoch()) == "e1"
        assert stage.run(register.list_settings())["version"] == "1"
        assert stage.run(register.cut_audit(-timedelta(seconds=1), 2)) == 2
        assert stage.run(register.check_audit()) is None
