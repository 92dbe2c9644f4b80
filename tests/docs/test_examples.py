"""Every example in Python on a page runs against a sandbox."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.docs.fences import ROOT, pages, read_fences
from tests.sandbox_process import sandbox_process

EXAMPLES = [
    pytest.param(fence.body, id=f"{page.relative_to(ROOT)}:{fence.line}")
    for page in pages()
    for fence in read_fences(page)
    if fence.language == "python"
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example, tmp_path):
    with sandbox_process(tmp_path) as server:
        script = f"password = {server.password!r}\n{example}"
        for shown, here in (("https://backup.example.org:8200", server.url), ("/var/lib/my-program", str(tmp_path))):
            script = script.replace(shown, here)
        # Its address has no TLS here, which is fine on loopback.
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
