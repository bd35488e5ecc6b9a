import 'package:smolhog/smolhog.dart';
import 'package:smolhog/testing.dart';
import 'package:test/test.dart';

void main() {
  late FakeClock clock;
  late MemoryStorage storage;
  late FakeGateway gateway;

  setUp(() {
    clock = FakeClock(DateTime.utc(2026, 3, 13, 10));
    storage = MemoryStorage();
    gateway = FakeGateway();
  });

  Future<Smolhog> openWith(SmolhogOptions options) async {
    final (client, _) = await fakes(gateway: gateway, options: options);
    addTearDown(() => client.close(timeout: Duration.zero));
    return client;
  }

  Future<Smolhog> open() =>
      openWith(SmolhogOptions(clock: clock, storage: storage));

  test('a tracked event arrives with its id, time, user and session', () async {
    final smolhog = await open();
    final id = smolhog.track('order_completed', properties: {'amount': 19.9});
    expect(await smolhog.flush(), isTrue);
    final event = gateway.events.single;
    expect(event.eventId, id);
    expect(event.event, 'order_completed');
    expect(event.timestamp, DateTime.utc(2026, 3, 13, 10));
    expect(event.distinctId, smolhog.anonymousId);
    expect(event.sessionId, smolhog.sessionId);
    expect(event.properties, {
      r'$lib': 'smolhog-dart',
      r'$lib_version': sdkVersion,
      'amount': 19.9,
    });
    expect(smolhog.pending, 0);
  });

  test('a screen is an event of its own kind', () async {
    final smolhog = await open();
    smolhog.screen('Cart', properties: {'items': 2});
    await smolhog.flush();
    expect(gateway.names, [r'$screen']);
    expect(gateway.events.single.properties[r'$screen_name'], 'Cart');
  });

  test('identify joins the anonymous id with the user, once', () async {
    final smolhog = await open();
    final anonymous = smolhog.anonymousId;
    smolhog
      ..track('looked')
      ..identify('ada', set: {'plan': 'pro'}, setOnce: {'from': 'ads'})
      ..track('bought')
      ..identify('ada');
    await smolhog.flush();
    final [looked, first, bought, second] = gateway.events;
    expect(looked.distinctId, anonymous);
    expect(first.distinctId, 'ada');
    expect(first.properties[r'$anon_distinct_id'], anonymous);
    expect(first.properties[r'$set'], {'plan': 'pro'});
    expect(first.properties[r'$set_once'], {'from': 'ads'});
    expect(bought.distinctId, 'ada');
    expect(second.properties, isNot(contains(r'$anon_distinct_id')));
  });

  test('two users of one device never become one', () async {
    final smolhog = await open();
    final anonymous = smolhog.anonymousId;
    smolhog.identify('ada');
    final session = smolhog.sessionId;
    smolhog.identify('bob');
    await smolhog.flush();
    expect(gateway.events.last.distinctId, 'bob');
    expect(
      gateway.events.last.properties,
      isNot(contains(r'$anon_distinct_id')),
    );
    expect(smolhog.anonymousId, isNot(anonymous));
    expect(smolhog.sessionId, isNot(session));
  });

  test('an id that no gateway takes does not become the user', () async {
    final smolhog = await open();
    expect(smolhog.identify(''), isNull);
    expect(smolhog.identify('x' * 201), isNull);
    expect(smolhog.distinctId, smolhog.anonymousId);
  });

  test('a log that fails harms nothing', () async {
    final smolhog = await openWith(
      SmolhogOptions(clock: clock, log: (_) => throw StateError('disk full')),
    );
    smolhog.track('a');
    expect(await smolhog.flush(), isTrue);
  });

  test('alias and group speak as the field does', () async {
    final smolhog = await open();
    smolhog
      ..alias('old-7')
      ..group('company', 'acme', set: {'size': 9})
      ..track('later');
    await smolhog.flush();
    final [alias, group, later] = gateway.events;
    expect(alias.event, r'$create_alias');
    expect(alias.properties['alias'], 'old-7');
    expect(group.event, r'$groupidentify');
    expect(group.properties[r'$group_type'], 'company');
    expect(group.properties[r'$group_key'], 'acme');
    expect(group.properties[r'$group_set'], {'size': 9});
    expect(later.properties[r'$groups'], {'company': 'acme'});
  });

  test("super properties go with every event, below the event's own", () async {
    final smolhog = await open();
    smolhog
      ..setSuperProperties({'plan': 'free', 'beta': true})
      ..track('a', properties: {'plan': 'pro'})
      ..unsetSuperProperty('beta')
      ..track('b');
    await smolhog.flush();
    final [a, b] = gateway.events;
    expect((a.properties['plan'], a.properties['beta']), ('pro', true));
    expect((b.properties['plan'], b.properties['beta']), ('free', null));
  });

  test('reset makes somebody new; what waits is still sent', () async {
    final smolhog = await open();
    gateway.isOffline = true;
    smolhog
      ..identify('ada')
      ..setSuperProperties({'plan': 'pro'})
      ..track('before')
      ..reset()
      ..track('after');
    gateway.isOffline = false;
    smolhog.resume();
    await smolhog.flush();
    final [_, before, after] = gateway.events;
    expect(before.distinctId, 'ada');
    expect(after.distinctId, smolhog.anonymousId);
    expect(after.properties, isNot(contains('plan')));
    expect(after.sessionId, isNot(before.sessionId));
  });

  test('identity, session and queue outlive the app', () async {
    gateway.isOffline = true;
    final first = await open();
    first
      ..identify('ada')
      ..setSuperProperties({'plan': 'pro'})
      ..track('offline');
    final session = first.sessionId;
    await first.close(timeout: Duration.zero);
    gateway.isOffline = false;
    await clock.advance(const Duration(minutes: 10));
    final second = await open();
    expect((second.distinctId, second.pending), ('ada', 2));
    second.track('online');
    await second.flush();
    expect(gateway.names, [r'$identify', 'offline', 'online']);
    expect(gateway.events.last.sessionId, session);
    expect(gateway.events.last.properties['plan'], 'pro');
  });

  test('a session outlives the death of the app in the middle of it', () async {
    final first = await open();
    for (var n = 0; n < 3; n++) {
      first.track('e$n');
      await clock.advance(const Duration(minutes: 20));
    }
    // What a killed app leaves is what was kept by then.
    final left = MemoryStorage()..saveState({...storage.load().state});
    final second = await openWith(SmolhogOptions(clock: clock, storage: left));
    second.track('later');
    expect(second.sessionId, first.sessionId);
  });

  test('a visit after half an hour is a new session', () async {
    final smolhog = await open();
    smolhog.track('a');
    await clock.advance(const Duration(minutes: 31));
    smolhog.track('b');
    await smolhog.flush();
    final [a, b] = gateway.events;
    expect(a.sessionId, isNot(b.sessionId));
  });

  test('opted out, nothing is tracked, kept or sent; it is remembered',
      () async {
    gateway.isOffline = true;
    final first = await open();
    first
      ..track('waits')
      ..optOut();
    expect(first.pending, 0);
    expect((first.track('x'), first.identify('ada')), (null, null));
    await first.close(timeout: Duration.zero);
    gateway.isOffline = false;
    final second = await open();
    expect(second.isOptedOut, isTrue);
    second
      ..optIn()
      ..track('y');
    await second.flush();
    expect(gateway.names, ['y']);
  });

  test('opted out, what was under way is not sent again', () async {
    gateway.isSilent = true;
    final first = await open();
    first.track('under way');
    await clock.settle();
    expect(gateway.batches, 1);
    first.optOut();
    gateway
      ..isSilent = false
      ..cut();
    await clock.advance(const Duration(minutes: 5));
    await first.close(timeout: Duration.zero);
    final second = await open();
    second.optIn();
    await second.flush();
    expect(gateway.events, isEmpty);
    expect(second.pending, 0);
  });

  test('consent may be asked for first', () async {
    final smolhog =
        await openWith(SmolhogOptions(clock: clock, optedOut: true));
    expect(smolhog.track('early'), isNull);
    smolhog
      ..optIn()
      ..track('consented');
    await smolhog.flush();
    expect(gateway.names, ['consented']);
  });

  test('before-send sees scrubbed events, changes and drops them', () async {
    final seen = <Object?>[];
    final smolhog = await openWith(
      SmolhogOptions(
        clock: clock,
        beforeSend: (event) {
          seen.add(event.properties['password']);
          return switch (event.event) {
            'private' => null,
            'broken' => throw StateError('no'),
            _ => event.copyWith(properties: {...event.properties, 'v': 1}),
          };
        },
      ),
    );
    smolhog.track('public', properties: {'password': 'hunter2'});
    expect(smolhog.track('private'), isNull);
    expect(smolhog.track('broken'), isNull);
    expect(smolhog.unreportedDrops, {'before_send': 2});
    await smolhog.flush();
    expect(seen.first, '[scrubbed]');
    final sent = gateway.events.firstWhere((event) => event.event == 'public');
    expect(sent.properties['v'], 1);
  });

  test('a rejected event reaches the callback, its neighbours are stored',
      () async {
    final rejected = <RejectedEvent>[];
    gateway.verdict = (event) => event.event == 'bad'
        ? const FakeVerdict.rejected('name_too_long')
        : null;
    final smolhog = await openWith(
      SmolhogOptions(
        clock: clock,
        onRejected: (event) {
          rejected.add(event);
          throw StateError('the app fails, the SDK goes on');
        },
      ),
    );
    smolhog.track('good');
    final bad = smolhog.track('bad');
    smolhog.track('fine');
    expect(await smolhog.flush(), isTrue);
    expect(gateway.names, ['good', 'fine']);
    final RejectedEvent(:eventId, :code) = rejected.single;
    expect((eventId, code), (bad, 'name_too_long'));
  });

  test('what has no JSON form is dropped, counted and reported', () async {
    final smolhog = await open();
    final loop = <String, Object?>{};
    loop['loop'] = loop;
    expect(smolhog.track('loop', properties: loop), isNull);
    smolhog.track('next');
    await smolhog.flush();
    await clock.settle();
    final report =
        gateway.events.firstWhere((event) => event.event == r'$events_dropped');
    expect(report.properties[r'$dropped_count'], 1);
    expect(report.properties[r'$dropped_by_reason'], {'invalid': 1});
    expect(smolhog.unreportedDrops, isEmpty);
  });

  test('properties that fail do not fail the app', () async {
    final smolhog = await open();
    Iterable<int> failing() sync* {
      throw StateError('no');
    }

    expect(smolhog.track('a', properties: {'items': failing()}), isNull);
    smolhog
      ..setSuperProperties({'items': failing()})
      ..track('b');
    await smolhog.flush();
    expect(gateway.names, contains('b'));
  });

  test('a full queue reports what it dropped, after a restart too', () async {
    gateway.isOffline = true;
    SmolhogOptions options() =>
        SmolhogOptions(clock: clock, storage: storage, queueEvents: 5);
    final first = await openWith(options());
    for (var n = 0; n < 20; n++) {
      first.track('e$n');
    }
    expect(first.unreportedDrops, {'queue_full': 15});
    await first.close(timeout: Duration.zero);
    gateway.isOffline = false;
    final second = await openWith(options());
    await second.flush();
    await clock.settle();
    expect(gateway.names.where((name) => name.startsWith('e')), [
      for (var n = 15; n < 20; n++) 'e$n',
    ]);
    final report =
        gateway.events.firstWhere((event) => event.event == r'$events_dropped');
    expect(report.properties[r'$dropped_count'], 15);
  });

  test('a flush does not wait for what was dropped', () async {
    gateway.isOffline = true;
    final smolhog =
        await openWith(SmolhogOptions(clock: clock, queueEvents: 1));
    smolhog.track('a');
    final flushed = smolhog.flush();
    smolhog.track('b');
    expect(await flushed, isTrue);
  });

  test('nothing is taken after close, and closing twice is no harm', () async {
    final smolhog = await open();
    smolhog.track('last');
    await Future.wait([smolhog.close(), smolhog.close()]);
    expect(smolhog.track('too late'), isNull);
    expect(gateway.names, ['last']);
    expect(() => Smolhog.instance, throwsStateError);
  });

  test('no line of the log has a key, an id or a property', () async {
    final lines = <String>[];
    final smolhog = await openWith(
      SmolhogOptions(
        clock: clock,
        log: lines.add,
        beforeSend: (event) => event,
      ),
    );
    smolhog.identify('ada@example.com');
    gateway.isOffline = true;
    smolhog.track('x', properties: {'note': 'private'});
    await clock.advance(const Duration(minutes: 1));
    final text = lines.join('\n');
    expect(text, isNotEmpty);
    for (final secret in ['fake', 'ada@', 'private']) {
      expect(text, isNot(contains(secret)));
    }
  });
}
