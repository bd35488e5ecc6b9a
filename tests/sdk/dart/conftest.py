"""Fixtures of the Dart SDK's tests."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.sdk.dart.dart_vm import HERE, DartVm, find_dart


@pytest.fixture(scope="session")
def dart(tmp_path_factory: pytest.TempPathFactory) -> DartVm:
    """Find the Dart virtual machine; in continuous integration it has to be there."""
    program = find_dart()
    if program is None:
        message = "no Dart virtual machine: run `make dart`, or set SMOLHOG_DART to one"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return DartVm(program, tmp_path_factory.mktemp("dart"))


@pytest.fixture(scope="session")
def live_app(dart: DartVm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the app that the live tests drive, once for all of pytest-xdist's workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    app = shared / "live_app.dill"
    with (shared / "live_app.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not app.exists():
            compiled, complaints = dart.compile(HERE / "live_app.dart")
            assert not complaints
            compiled.replace(app)
    return app
