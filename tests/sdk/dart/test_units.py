"""The Dart packages' own tests, run without pub, and the stand-in that runs them."""

from pathlib import Path

from tests.sdk.dart.dart_vm import SDK, DartVm


def run_test_files(dart: DartVm, files: list[Path], folder: Path) -> tuple[int, str]:
    """Run test files in one virtual machine, which starts in a second or two."""
    imports = "".join(f"import '{file.as_uri()}' as t{n};\n" for n, file in enumerate(files))
    calls = "".join(
        f"  t{n}.main();\n  passed = await runTests('{file.name}') && passed;\n"
        for n, file in enumerate(files)
    )
    runner = folder / "runner.dart"
    runner.write_text(
        f"import 'dart:io';\nimport 'package:test/test.dart';\n{imports}\n"
        f"Future<void> main() async {{\n  var passed = true;\n{calls}"
        "  await stdout.flush();\n  exit(passed ? 0 : 1);\n}\n"
    )
    finished = dart.run(runner)
    return finished.returncode, finished.stdout + finished.stderr


def test_the_packages_pass_their_tests(dart: DartVm, tmp_path: Path) -> None:
    """Every test of every file passes, and no file is without tests."""
    files = sorted(SDK.glob("*/test/*_test.dart"))
    assert {file.parent.parent.name for file in files} == {"smolhog", "smolhog_flutter"}
    status, output = run_test_files(dart, files, tmp_path)
    assert status == 0, output
    assert output.count(" passed, 0 failed") == len(files)
    assert ": 0 passed" not in output


def test_the_stand_in_for_package_test_notices_failures(dart: DartVm, tmp_path: Path) -> None:
    """Unmet expectations fail, awaited or not, as do exceptions and what should have thrown."""
    failing = {
        "equal": "expect([1, {'a': 2}], [1, {'a': 3}]);",
        "later": "Future<void>.delayed(Duration.zero, () => throw StateError('late')); "
        "await Future<void>.delayed(const Duration(milliseconds: 20));",
        "throws": "expect(() => 1, throwsArgumentError);",
        "asynchronous": "await Future<void>.value(); expect(1, isNull);",
        "raised": "throw StateError('x');",
    }
    file = tmp_path / "failing_test.dart"
    file.write_text(
        "import 'package:test/test.dart';\nvoid main() {\n  test('good', () => expect(1, 1));\n"
        + "".join(f"  test('{name}', () async {{ {body} }});\n" for name, body in failing.items())
        + "}\n"
    )
    status, output = run_test_files(dart, [file], tmp_path)
    assert status == 1
    assert f"1 passed, {len(failing)} failed" in output
    assert all(f"failing_test.dart: {name}\n" in output for name in failing)
