import 'package:smolhog/src/session.dart';
import 'package:test/test.dart';

const _rules = SessionRules(
  idle: Duration(minutes: 30),
  longest: Duration(hours: 24),
);

void main() {
  final start = DateTime.utc(2026, 3, 13, 10);
  var ids = 0;
  Session at(DateTime now, Session? session) =>
      _rules.at(now, session, () => 's${++ids}');

  test('activity within half an hour belongs to the session', () {
    final first = at(start, null);
    final second = at(start.add(const Duration(minutes: 29)), first);
    final third = at(start.add(const Duration(minutes: 58)), second);
    expect({first.id, second.id, third.id}, hasLength(1));
    expect(third.started, start);
  });

  test('half an hour without activity ends it', () {
    final first = at(start, null);
    final second = at(start.add(const Duration(minutes: 30)), first);
    expect(second.id, isNot(first.id));
  });

  test('a session that never rests ends after a day', () {
    var session = at(start, null);
    final first = session.id;
    var now = start;
    while (now.difference(start) < const Duration(hours: 24)) {
      expect(session.id, first);
      now = now.add(const Duration(minutes: 20));
      session = at(now, session);
    }
    expect(session.id, isNot(first));
    expect(session.started, now);
  });

  test('a clock set far back begins a new session, a little does not', () {
    final first = at(start, null);
    final little = at(start.subtract(const Duration(minutes: 5)), first);
    expect(little.id, first.id);
    final far = at(start.subtract(const Duration(days: 400)), first);
    expect(far.id, isNot(first.id));
  });

  test('what is stored is read again, and nonsense is nothing', () {
    final first = at(start, null);
    final again = Session.fromJson(first.toJson())!;
    expect(
      [again.id, again.started, again.lastActivity],
      [first.id, start, start],
    );
    expect(Session.fromJson({'id': 5}), isNull);
    expect(Session.fromJson(null), isNull);
  });
}
