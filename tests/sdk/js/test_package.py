"""What is built and published: small, typed, and the same wherever it is built."""

import asyncio
import gzip
import json
import re
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.ingest_gateway.running import KEY
from tests.sdk.js.site import DIST, PACKAGE, Site, flush, track, visitor
from tests.vendors.running import one, stored_once, until_stored, vendor_gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("js")]


async def _node(*arguments: str) -> str:
    """Run Node to its end; return what it said, in whichever way."""
    process = await asyncio.create_subprocess_exec("node", *arguments, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return said.decode()


@pytest.mark.usefixtures("site")
async def test_it_has_less_than_five_kilobytes() -> None:
    """The file for a <script> tag, as a web server sends it."""
    assert len(gzip.compress((DIST / "smolhog.min.js").read_bytes(), 9)) < 5_000


@pytest.mark.usefixtures("site")
async def test_the_package_is_complete() -> None:
    """Everything that package.json points at is built; it depends on nothing; the lock names no hosts."""
    package = json.loads((PACKAGE / "package.json").read_text())
    assert (package["name"], package["version"], package["license"]) == ("smolhog", "0.1.0", "MIT")
    assert "dependencies" not in package
    entry = package["exports"]["."]
    for path in (package["main"], package["types"], package["unpkg"], entry["types"], entry["default"]):
        assert (PACKAGE / path).is_file(), path
    assert "http" not in re.sub(r'"url": "[^"]*"', "", (PACKAGE / "package-lock.json").read_text())


@pytest.mark.usefixtures("site")
async def test_the_types_say_what_is_wrong(tmp_path: Path) -> None:
    """A strict program compiles against them; wrong calls in it do not."""
    (tmp_path / "page.ts").write_text(
        f"""import smolhog, {{ type SmolhogEvent }} from "{DIST}/types/index";
        smolhog.init({{ url: "https://a.example", key: "k", beforeSend: (e: SmolhogEvent) => e }});
        const id: string | null = smolhog.track("a", {{ b: [1, null] }});
        // @ts-expect-error the key is missing
        smolhog.init({{ url: "https://a.example" }});
        // @ts-expect-error no such option
        smolhog.init({{ url: "https://a.example", key: "k", flushAfter: 1 }});
        // @ts-expect-error properties are an object
        smolhog.track("a", 1, id);
        """
    )
    compiler = PACKAGE / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--target", "ES2020", "--module", "ESNext", "--lib", "ES2020,DOM"]
    options += ["--moduleResolution", "bundler", "--skipLibCheck"]
    assert await _node(str(compiler), *options, str(tmp_path / "page.ts")) == ""


async def test_the_module_works_as_one(browser: Browser, site: Site, tmp_path: Path) -> None:
    """Imported by a page as a bundler's entry would be; on a server, importing it does nothing."""
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        page = await somebody.blank("/away")
        await page.evaluate(
            "async ([url, key]) => (await import('/smolhog.js')).default.init({url, key})", [gateway.url, KEY]
        )
        await until_stored(gateway, "$pageview")
    assert one(await stored_once(tmp_path), "$pageview").properties["$title"] == "Elsewhere"
    script = f"import('{DIST}/smolhog.js').then(m => console.log(m.smolhog.track('a')))"
    assert await _node("-e", script) == "null\n"


async def test_storage_that_is_denied_or_full_costs_nothing(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    """Events come from memory then, all of one visitor and session."""
    failures = {
        "denied": "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no') }})",
        "full": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
    }
    async with vendor_gateway(tmp_path) as gateway, visitor(browser, site) as somebody:
        for name, script in failures.items():
            page = await somebody.context.new_page()
            await page.add_init_script(script)
            await page.goto(site.url)
            await page.evaluate(
                "([url, key]) => { window.heard = []; smolhog.init({url, key, pageViews: false}) }",
                [gateway.url, KEY],
            )
            await page.evaluate("smolhog.identify('ada')")
            await track(page, 2, name)
            await flush(page)
    events = await stored_once(tmp_path)
    for name in failures:
        ours = [event for event in events if event.event == name]
        assert [event.distinct_id for event in ours] == ["ada", "ada"]
        assert len({event.session_id for event in ours}) == 1
