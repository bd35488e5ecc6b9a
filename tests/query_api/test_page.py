"""The files of the dashboard, as browsers get them."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from query_api.page import PAGE_PATHS, page_routes
from query_api.protection import ProtectiveHeaders


def client(dist: Path) -> httpx.AsyncClient:
    """A browser's view of a page built into `dist`."""
    app = ProtectiveHeaders(Starlette(routes=page_routes(18400, dist)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page.example")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A page that was built."""
    build(tmp_path, "one")
    return tmp_path


def build(folder: Path, name: str) -> None:
    """What a build leaves behind."""
    for old in (folder / "assets").glob("*"):
        old.unlink()
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / f"{name}.js").write_text(f"// {name}")
    (folder / "assets" / "font.woff2").write_bytes(b"font")
    (folder / "assets" / "notes.txt").write_text("no asset of a page")
    (folder / "theme.js").write_text("// theme")
    (folder / "index.html").write_text(
        f'<meta name="smolhog-gateway-port" content="8400" /><script src="/assets/{name}.js"></script>'
    )


async def test_each_address_of_the_page_gets_the_document(dist: Path) -> None:
    """The page looks at the address itself; what it may load and talk to is this server only."""
    async with client(dist) as browser:
        for path in PAGE_PATHS:
            answer = await browser.get(path.replace("{", "").replace("}", ""))
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert 'content="18400"' in answer.text


async def test_files_are_kept_for_ever_under_their_names(dist: Path) -> None:
    """Their names change with their content; nothing else of the folder is served."""
    async with client(dist) as browser:
        script = await browser.get("/assets/one.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in script.headers["cache-control"]
        assert script.headers["x-content-type-options"] == "nosniff"
        assert (await browser.get("/assets/font.woff2")).headers["content-type"] == "font/woff2"
        assert (await browser.get("/theme.js")).status_code == 200
        for path in (
            "/assets/notes.txt",
            "/assets/two.js",
            "/assets/..%2Findex.html",
            "/assets/%2e%2e/theme.js",
        ):
            assert (await browser.get(path)).status_code == 404, path


async def test_a_new_build_is_seen_and_open_tabs_go_on(dist: Path) -> None:
    """The document names the new files; those of the build before stay for whoever has them open."""
    async with client(dist) as browser:
        assert "one.js" in (await browser.get("/")).text
        build(dist, "two")
        assert "two.js" in (await browser.get("/")).text
        assert (await browser.get("/assets/two.js")).status_code == 200
        assert (await browser.get("/assets/one.js")).status_code == 200


async def test_a_page_that_was_not_built_says_how(tmp_path: Path) -> None:
    """A source tree without the built page is no mystery."""
    async with client(tmp_path / "nothing") as browser:
        answer = await browser.get("/trends")
        assert answer.status_code == 503
        assert "make page" in answer.text
        assert (await browser.get("/assets/one.js")).status_code == 404
