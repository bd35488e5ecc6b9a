"""The query API as a process."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx

from tests.query_api.conftest import READ_ONE, Stores

PROGRAM = """
import asyncio, sys
from pathlib import Path
from query_api.server import serve
from tests.query_api.conftest import Ring
clickhouse_url, postgres_dsn, port_file = sys.argv[1:]
asyncio.run(serve(clickhouse_url=clickhouse_url, postgres_dsn=postgres_dsn, keys=Ring(), host="127.0.0.1",
    port=0, port_file=Path(port_file)))
print("cleaned up")
"""


async def test_serves_on_a_free_port_and_stops_when_told(stores: Stores, tmp_path: Path) -> None:
    """The port file says where it listens; SIGTERM makes `serve` return, so that its caller can clean up."""
    port_file = tmp_path / "port"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        stores.clickhouse_url,
        stores.postgres_dsn,
        str(port_file),
        env={**os.environ, "PYTHONPATH": "."},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            while not port_file.exists():
                assert process.returncode is None
                await asyncio.sleep(0.02)
            base = f"http://127.0.0.1:{int(port_file.read_text())}"
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {READ_ONE}"}) as client:
                assert (await client.get(f"{base}/health/live")).status_code == 200
                answers = await asyncio.gather(*(client.get(f"{base}/analytics/stats") for _ in range(20)))
            assert [answer.status_code for answer in answers] == [200] * 20
            process.send_signal(signal.SIGTERM)
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    assert output.endswith(b"cleaned up\n")
