"""Everything that is published, and the examples, type-checks at the oldest language version allowed."""

import shutil
from pathlib import Path

from tests.sdk.dart.dart_vm import HERE, SDK, DartVm

_CONDITION = (
    "import 'platform_stub.dart'\n"
    "    if (dart.library.io) 'platform_io.dart'\n"
    "    if (dart.library.js_interop) 'platform_web.dart';"
)


def _is_for_the_web(file: Path) -> bool:
    return file.name.startswith("browser") or file.name == "platform_web.dart"


def _uri(file: Path) -> str:
    """Name a library as programs do: the same file under two names would be two libraries."""
    package, folder, *rest = file.relative_to(SDK).parts
    return f"package:{package}/{'/'.join(rest)}" if folder == "lib" else file.as_uri()


def test_everything_compiles(dart: DartVm, tmp_path: Path) -> None:
    """The compiler has nothing to say about the packages' libraries, every file of them, and the examples."""
    files = [file for file in SDK.rglob("*.dart") if "test" not in file.parts and not _is_for_the_web(file)]
    assert len(files) > 25
    program = tmp_path / "everything.dart"
    program.write_text(
        "".join(f"import '{_uri(file)}' as p{n};\n" for n, file in enumerate(files)) + "void main() {}\n"
    )
    assert dart.compile(program)[1] == ""


def test_the_web_side_compiles_against_declarations(dart: DartVm, tmp_path: Path) -> None:
    """With the web's platform chosen, the package compiles against what it uses of `dart:js_interop`."""
    copy = tmp_path / "src"
    shutil.copytree(SDK / "smolhog" / "lib" / "src", copy)
    on_the_web = 0
    for file in copy.glob("*.dart"):
        text = file.read_text()
        on_the_web += "import 'dart:js_interop'" in text
        text = text.replace("dart:js_interop", "package:js_interop/js_interop.dart")
        file.write_text(text.replace(_CONDITION, "import 'platform_web.dart';"))
    assert on_the_web == 2
    assert "import 'platform_web.dart';" in (copy / "client.dart").read_text()
    assert dart.compile(copy / "client.dart")[1] == ""


def test_the_compiler_complains_about_what_is_wrong(dart: DartVm, tmp_path: Path) -> None:
    """A type error does not pass."""
    wrong = tmp_path / "wrong.dart"
    wrong.write_text("void main() { int number = 'text'; print(number); }\n")
    assert "can't be assigned" in dart.compile(wrong)[1]


def test_stand_ins_are_never_published() -> None:
    """No package has a file of them, nor depends on one beside those that they stand for."""
    names = {root.name for root in (HERE / "standins").iterdir()}
    assert not [path for path in SDK.rglob("*") if path.is_dir() and path.name in names - {"test"}]
    assert not list(SDK.rglob("js_interop.dart"))
