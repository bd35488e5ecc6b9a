"""The quick starts of the page of SDKs, run as they stand against a real gateway."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.vendors.browser import open_page
from tests.vendors.running import HERE as VENDORS
from tests.vendors.running import KEY, one, stored_once, until_stored, vendor_gateway

ROOT = Path(__file__).parents[2]
JS = ROOT / "sdk" / "js"
BLOCKS = re.findall(r"```(python|js)\n(.*?)```", (ROOT / "docs" / "sdks.md").read_text(), re.DOTALL)
IN_A_BROWSER = ("smolhog", "posthog-js", "@segment/analytics-next", "mixpanel-browser")
# PostHog's SDK sends nothing from a browser that a program drives.
NOT_DRIVEN = """
const agent = navigator.userAgent.replace("Headless", "");
for (const [name, value] of Object.entries({ webdriver: false, userAgent: agent, userAgentData: undefined }))
    Object.defineProperty(navigator, name, { get: () => value });
"""
NODE_SDKS = ("posthog-node", "@segment/analytics-node", "mixpanel")


def _imported(source: str) -> str:
    """Name the package that a quick start imports first."""
    found = re.search(r'^(?:from ([\w.]+) import|import .* from "(.*)";)', source, re.MULTILINE)
    assert found is not None, source
    return found[1] or found[2]


def _quick_start(language: str, package: str) -> str:
    (source,) = [text for kind, text in BLOCKS if kind == language and _imported(text) == package]
    return str(source)


def _for_this_test(source: str, port: int) -> str:
    """A quick start with the address and key of this test, and otherwise unchanged."""
    assert source.count("8400") == 1
    assert source.count("sh_w_…") == 1
    return source.replace("8400", str(port)).replace("sh_w_…", KEY)


async def _run(source: str, port: int, *command: str) -> None:
    """Run a quick start."""
    process = await asyncio.create_subprocess_exec(
        *command,
        _for_this_test(source, port),
        cwd=VENDORS,
        env={**os.environ, "PYTHONPATH": str(ROOT / "sdk" / "python")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def _bundle(source: str) -> str:
    """Bundle a module with the packages that it imports, as an app's build does."""
    process = await asyncio.create_subprocess_exec(
        *(JS / "node_modules" / ".bin" / "esbuild", "--bundle", "--format=esm", "--log-level=error"),
        f"--alias:smolhog={JS}",
        cwd=VENDORS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        bundled, said = await process.communicate(source.encode())
    assert process.returncode == 0, said.decode()
    return bundled.decode()


@pytest.mark.parametrize("package", ["smolhog_client", "posthog", "segment.analytics.client", "mixpanel"])
async def test_the_quick_starts_for_python(tmp_path: Path, package: str) -> None:
    """Each is a whole program, whose event is stored once."""
    async with vendor_gateway(tmp_path) as gateway:
        await _run(_quick_start("python", package), gateway.port, sys.executable, "-c")
    signup = one(await stored_once(tmp_path), "signup")
    assert (signup.distinct_id, signup.properties["plan"], signup.copies) == ("ada", "pro", 1)


@pytest.mark.parametrize("package", NODE_SDKS)
async def test_the_quick_starts_for_node(tmp_path: Path, package: str) -> None:
    """Each is a whole module, whose event is stored once."""
    async with vendor_gateway(tmp_path) as gateway:
        await _run(_quick_start("js", package), gateway.port, "node", "--input-type=module", "--eval")
    signup = one(await stored_once(tmp_path), "signup")
    assert (signup.distinct_id, signup.properties["plan"], signup.copies) == ("ada", "pro", 1)


@pytest.mark.parametrize("package", IN_A_BROWSER)
async def test_the_quick_starts_for_browsers(tmp_path: Path, package: str) -> None:
    """Each is a module of a page that a bundler has built, whose event is stored once."""
    async with vendor_gateway(tmp_path) as gateway, open_page("empty.html", gateway.url) as page:
        module = _for_this_test(_quick_start("js", package), gateway.port)
        await page.evaluate(NOT_DRIVEN)
        await page.add_script_tag(content=await _bundle(module), type="module")
        await until_stored(gateway, "signup")
    signup = one(await stored_once(tmp_path), "signup")
    assert (signup.distinct_id, signup.copies) == ("ada", 1)


def test_no_quick_start_is_left_out() -> None:
    """Every block of the page is run here."""
    packages = [_imported(source) for kind, source in BLOCKS if kind == "js"]
    assert sorted(packages) == sorted([*NODE_SDKS, *IN_A_BROWSER])
    assert len(BLOCKS) == len(packages) + 4
