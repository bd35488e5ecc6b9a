"""What pub.dev asks of packages, checked without it; and documentation of all that is public."""

import re
from pathlib import Path

import pytest

from tests.sdk.dart.dart_vm import SDK

PACKAGES = ["smolhog", "smolhog_flutter"]
_ARCHIVE_BYTES = 256 * 1024
"""Far below pub.dev's bound: the packages are text."""
_TYPE = re.compile(
    r"^(?:abstract |base |final |sealed |interface )*(?:class|enum|typedef|extension type|extension|mixin) (\w+)"
)
_DIRECTIVES = ("import ", "export ", "library", "part ")


def pubspec(package: str) -> dict[str, str]:
    """Read the top-level fields of a `pubspec.yaml`; a field that has others under it gives their text."""
    fields: dict[str, str] = {}
    name = ""
    for line in (SDK / package / "pubspec.yaml").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            name, _, value = line.partition(":")
            fields[name] = value.strip().removeprefix(">-").strip()
        elif line.strip():
            fields[name] += (" " if fields[name] else "") + line.strip()
    return fields


def published_files(package: str) -> list[Path]:
    """Find what `dart pub publish` would upload."""
    return [path for path in (SDK / package).rglob("*") if path.is_file() and ".dart_tool" not in path.parts]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_metadata_is_complete(package: str) -> None:
    """Name, version, a description of the length that pub.dev wants, bounds of the SDK, topics."""
    fields = pubspec(package)
    assert fields["name"] == package
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert 60 <= len(fields["description"]) <= 180
    assert re.search(r"sdk: \^3\.\d+\.\d+", fields["environment"])
    topics = [topic for topic in fields["topics"].split("- ") if topic]
    assert 1 <= len(topics) <= 5
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", topic.strip()) for topic in topics)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_version_is_one_everywhere(package: str) -> None:
    """The newest section of the changelog, the constant that is sent, and the pubspec agree."""
    version = pubspec(package)["version"]
    changelog = (SDK / package / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == version
    client = (SDK / "smolhog" / "lib" / "src" / "client.dart").read_text()
    assert f"const sdkVersion = '{pubspec('smolhog')['version']}';" in client
    if package == "smolhog_flutter":
        assert f"smolhog: ^{pubspec('smolhog')['version']}" in pubspec(package)["dependencies"]


def test_the_core_depends_on_dart_alone() -> None:
    """No dependency in the pubspec, no import of another package in the library."""
    assert "dependencies" not in pubspec("smolhog")
    imports = {
        line.split("'")[1]
        for file in (SDK / "smolhog" / "lib").rglob("*.dart")
        for line in file.read_text().splitlines()
        if line.startswith(("import ", "export "))
    }
    assert not {name for name in imports if name.startswith("package:")}
    assert {name for name in imports if name.startswith("dart:")} == {
        f"dart:{name}" for name in ("async", "collection", "convert", "io", "js_interop", "math")
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_published_is_small_and_whole(package: str) -> None:
    """The files that pub.dev looks for are there; all is text, small, and no wider than Dart's formatter allows."""
    files = published_files(package)
    names = {str(path.relative_to(SDK / package)) for path in files}
    assert {"README.md", "CHANGELOG.md", "pubspec.yaml", "analysis_options.yaml"} <= names
    assert {"example/smolhog_example.dart", "example/lib/main.dart"} & names
    assert sum(path.stat().st_size for path in files) < _ARCHIVE_BYTES
    for file in files:
        lines = file.read_text().splitlines()
        assert len(lines) <= 400, file
        if file.suffix == ".dart":
            wide = [line for line in lines if len(line) > 80]
            assert not wide, (file, wide)


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_is_documented(package: str) -> None:
    """Each public declaration, and each public member of one, has a doc comment."""
    missing = []
    for file in (SDK / package / "lib").rglob("*.dart"):
        missing += [f"{file.name}: {line}" for line in undocumented(file.read_text().splitlines())]
    assert not missing


def undocumented(lines: list[str]) -> list[str]:
    """Find public declarations without a doc comment or `@override` before them.

    Reads Dart by its layout: declarations stand at column 0 and members at column 2, which is how the
    formatter writes them.
    """
    found = []
    is_in_public = False
    for number, line in enumerate(lines):
        is_type = _TYPE.match(line)
        if is_type:
            is_in_public = not is_type[1].startswith("_")
            is_public = is_in_public
        elif line[:1].isalpha():
            is_in_public = False
            is_public = not line.startswith(_DIRECTIVES) and _is_public(line)
        else:
            is_public = is_in_public and line[:2] == "  " and line[2:3].isalpha() and _is_public(line[2:])
        if not is_public:
            continue
        before = number - 1
        while lines[before].strip().startswith(("@JS", "// ")):
            before -= 1
        if not lines[before].strip().startswith(("///", "@override")):
            found.append(line.strip())
    return found


def _is_public(text: str) -> bool:
    """Tell whether a line begins the declaration of something whose name is public."""
    if text.startswith(("return ", "throw ", "if ", "for ", "static set ", "set ")):
        return False
    declared = re.search(r"\b(?!Function\b)([A-Za-z_]\w*(?:\.\w+)?)\s*(?=[(;=])", text)
    return declared is not None and not declared[1].startswith("_") and "._" not in declared[1]


def test_what_is_undocumented_is_found() -> None:
    """The check notices classes, methods, fields, getters and constructors without a comment."""
    lines = """/// Fine.
class A {
  A(this.x);

  /// Fine.
  final int x;
  final int y = 1;

  int get z => 2;

  @override
  String toString() => '';

  void run(int a) {
    final local = 1;
  }

  int _private = 1;
}

class B {}
class _C {
  void free() {}
}

int count() =>
    5;
const shown = 1;
void _hidden() {
  run();
}
""".splitlines()
    assert undocumented(lines) == [
        "A(this.x);",
        "final int y = 1;",
        "int get z => 2;",
        "void run(int a) {",
        "class B {}",
        "int count() =>",
        "const shown = 1;",
    ]
