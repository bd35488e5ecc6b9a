/// The part of `package:test` that the SDK's tests use, for machines without
/// pub. `dart test` runs the same files with the real package.
library;

import 'dart:async';

part 'matchers.dart';

final _tests = <_Test>[];
final _groups = <_Group>[_Group('')];
List<FutureOr<void> Function()>? _afterThis;

/// Says on which platforms a file's tests run; here all run on the VM.
class TestOn {
  /// Creates an annotation.
  const TestOn(this.expression);

  /// E.g. `vm`.
  final String expression;
}

/// Registers a test.
void test(String description, FutureOr<void> Function() body) => _tests.add(
      _Test(
        [..._groups.map((group) => group.name), description]
            .where((name) => name.isNotEmpty)
            .join(' '),
        body,
        List.of(_groups),
      ),
    );

/// Registers tests that belong together.
void group(String description, void Function() body) {
  _groups.add(_Group(description));
  body();
  _groups.removeLast();
}

/// Runs before each test of the group.
void setUp(FutureOr<void> Function() body) => _groups.last.setUps.add(body);

/// Runs after each test of the group.
void tearDown(FutureOr<void> Function() body) =>
    _groups.last.tearDowns.add(body);

/// Runs after the test that calls it.
void addTearDown(FutureOr<void> Function() body) => _afterThis!.add(body);

/// Ends the test.
Never fail(String message) => throw TestFailure(message);

/// Ends the test unless [actual] is what [matcher] says.
void expect(Object? actual, Object? matcher, {String? reason}) {
  final wanted = wrapMatcher(matcher);
  if (!wanted.matches(actual)) {
    throw TestFailure(
      'Expected: ${wanted.words}\n  Actual: $actual'
      '${reason == null ? '' : '\n$reason'}',
    );
  }
}

/// Like [expect], for what takes its time.
Future<void> expectLater(Object? actual, Object? matcher) async {
  switch (matcher) {
    case _Throws():
      await matcher.check(actual);
    case _:
      expect(await (actual as Future<Object?>), matcher);
  }
}

/// An expectation that was not met.
class TestFailure implements Exception {
  /// Creates a failure.
  TestFailure(this.message);

  /// What was expected.
  final String message;

  @override
  String toString() => message;
}

/// Runs everything registered; prints a line for each failure and a sum.
///
/// Returns whether all passed.
Future<bool> runTests(String file) async {
  var failed = 0;
  for (final test in _tests) {
    final problem = await test.run();
    if (problem == null) continue;
    failed++;
    print('FAILED $file: ${test.name}\n$problem');
  }
  print('$file: ${_tests.length - failed} passed, $failed failed');
  _tests.clear();
  _groups
    ..clear()
    ..add(_Group(''));
  return failed == 0;
}

class _Group {
  _Group(this.name);

  final String name;
  final setUps = <FutureOr<void> Function()>[];
  final tearDowns = <FutureOr<void> Function()>[];
}

class _Test {
  _Test(this.name, this.body, this.groups);

  final String name;
  final FutureOr<void> Function() body;
  final List<_Group> groups;

  /// Runs it in a zone of its own, so that what nobody awaited counts too.
  Future<String?> run() async {
    String? problem;
    final done = Completer<void>();
    runZonedGuarded(
      () async {
        final after = _afterThis = [];
        try {
          for (final group in groups) {
            for (final setUp in group.setUps) {
              await setUp();
            }
          }
          await Future<void>.sync(body).timeout(const Duration(seconds: 30));
        } on Object catch (error, stack) {
          problem ??= '$error\n$stack';
        }
        try {
          for (final tearDown in [
            ...after.reversed,
            for (final group in groups.reversed) ...group.tearDowns,
          ]) {
            await tearDown();
          }
        } on Object catch (error, stack) {
          problem ??= '$error\n$stack';
        }
        done.complete();
      },
      (error, stack) {
        problem ??= 'not awaited: $error\n$stack';
        if (!done.isCompleted && error is TestFailure) done.complete();
      },
    );
    await done.future;
    return problem;
  }
}
