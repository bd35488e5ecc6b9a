@TestOn('vm')
library;

import 'dart:io';

import 'package:smolhog/smolhog.dart';
import 'package:smolhog/src/file_storage.dart';
import 'package:test/test.dart';

void main() {
  late Directory folder;
  final logged = <String>[];

  FileStorage open() => FileStorage('${folder.path}/app', log: logged.add);
  File journal() => File('${folder.path}/app/queue.journal');
  QueuedEvent event(int n, {int size = 8}) =>
      QueuedEvent('id$n', '{"n":"${'é' * size}"}');
  QueueChange change({
    List<QueuedEvent> added = const [],
    List<String> removed = const [],
    Map<String, int>? drops,
  }) =>
      QueueChange(added: added, removed: removed, drops: drops);

  setUp(() {
    folder = Directory.systemTemp.createTempSync('smolhog_test');
    logged.clear();
  });
  tearDown(() => folder.deleteSync(recursive: true));

  test('what was not settled is there after a restart, in its order', () {
    final first = open()..load();
    first
      ..saveQueue(change(added: [event(1), event(2), event(3)]))
      ..saveQueue(change(added: [event(4)], removed: ['id2']))
      ..saveState({'user_id': 'ada'})
      ..close();
    final second = open();
    final saved = second.load();
    second.close();
    expect(saved.events.map((e) => e.eventId), ['id1', 'id3', 'id4']);
    expect(saved.events.first.body, event(1).body);
    expect(saved.state, {'user_id': 'ada'});
    expect(logged, isEmpty);
  });

  test('drops and their report are there too', () {
    open()
      ..load()
      ..saveQueue(change(drops: {'queue_full': 3}))
      ..close();
    final second = open();
    expect(second.load().drops.toJson(), {'queue_full': 3});
    second
      ..saveQueue(
        change(added: [QueuedEvent('r', '{}', isReport: true)], drops: {}),
      )
      ..close();
    final third = open();
    final saved = third.load();
    third.close();
    expect(saved.drops.isEmpty, isTrue);
    expect(saved.events.single.isReport, isTrue);
  });

  test('a death in the middle of a line costs that line alone', () {
    open()
      ..load()
      ..saveQueue(change(added: [event(1), event(2)]))
      ..close();
    final whole = journal().readAsBytesSync();
    // Within "é", two bytes before the end of the second line's text.
    for (final cut in [1, 2, 3, 4, 12, 23]) {
      journal().writeAsBytesSync(whole.sublist(0, whole.length - cut));
      final again = open();
      final saved = again.load();
      again.close();
      expect(saved.events.map((e) => e.eventId), ['id1']);
      expect(saved.drops.isEmpty, isTrue);
      expect(journal().readAsStringSync(), '+id1 ${event(1).body}\n');
    }
  });

  test('a damaged line is counted, and its neighbours are kept', () {
    open()
      ..load()
      ..saveQueue(change(added: [event(1)]))
      ..close();
    final line = journal().readAsStringSync();
    journal().writeAsStringSync('+id0 {"a":\n\x00\x00\x00\n?\n$line');
    final again = open();
    final saved = again.load();
    again.close();
    expect(saved.events.map((e) => e.eventId), ['id1']);
    expect(saved.drops.toJson(), {'damaged': 3});
  });

  test('the journal does not grow with what is settled', () {
    final storage = open()..load();
    for (var n = 0; n < 400; n++) {
      storage.saveQueue(
        change(
          added: [event(n, size: 2000)],
          removed: [if (n >= 3) 'id${n - 3}'],
        ),
      );
    }
    expect(journal().lengthSync(), lessThan(1024 * 1024));
    storage.saveQueue(change(removed: ['id397', 'id398', 'id399']));
    expect(journal().lengthSync(), 0);
    storage.close();
  });

  test('damaged state begins anew', () {
    open()
      ..load()
      ..saveState({'user_id': 'ada'})
      ..close();
    File('${folder.path}/app/state.json').writeAsStringSync('{"user');
    final again = open();
    expect(again.load().state, isEmpty);
    again.close();
  });

  test('where nothing can be kept, it says so and goes on', () {
    File('${folder.path}/app').writeAsStringSync('in the way');
    final storage = open();
    expect(storage.load().events, isEmpty);
    storage
      ..saveQueue(change(added: [event(1)]))
      ..saveState({})
      ..close();
    expect(logged, hasLength(1));
  });
}
