/// An app without a screen: does what the lines on its standard input say, and
/// answers each with a line of JSON.
///
/// `dart live_app.dart '{"url": …, "key": …, …}'`
library;

import 'dart:async';
import 'dart:convert';
import 'dart:io';

import 'package:smolhog/smolhog.dart';

Future<void> main(List<String> arguments) async {
  final settings = jsonDecode(arguments.single) as Map<String, Object?>;
  final rejected = <Map<String, String>>[];
  final refused = <String>[];
  final smolhog = await Smolhog.initialize(
    url: settings['url']! as String,
    writeKey: settings['key']! as String,
    options: SmolhogOptions(
      directory: settings['directory'] as String?,
      queueEvents: settings['queue_events'] as int? ?? 10000,
      whenFull: WhenFull.values.byName(
        settings['when_full'] as String? ?? WhenFull.dropOldest.name,
      ),
      batchEvents: settings['batch_events'] as int? ?? 500,
      flushInterval: const Duration(milliseconds: 20),
      via: SendVia.values.byName(settings['via'] as String? ?? 'auto'),
      backoff: FullJitter(
        base: const Duration(milliseconds: 20),
        cap: const Duration(milliseconds: 200),
      ),
      onRejected: (event) =>
          rejected.add({'event_id': event.eventId, 'code': event.code}),
      onRefused: (refusal) => refused.add(refusal.code),
      log: stderr.writeln,
    ),
  );
  final lines = stdin.transform(utf8.decoder).transform(const LineSplitter());
  await for (final line in lines) {
    final order = jsonDecode(line) as Map<String, Object?>;
    final answer = await _obey(smolhog, order);
    // What was tracked is on disk once its turn of the event loop is over.
    await Future<void>.delayed(Duration.zero);
    stdout.writeln(
      jsonEncode({
        ...answer,
        'pending': smolhog.pending,
        'drops': smolhog.unreportedDrops,
        'rejected': rejected,
        'refused': refused,
      }),
    );
    await stdout.flush();
    if (order['do'] == 'close') break;
  }
  exit(0);
}

Future<Map<String, Object?>> _obey(
  Smolhog smolhog,
  Map<String, Object?> order,
) async {
  switch (order['do']) {
    case 'track':
      return {'ids': await _track(smolhog, order)};
    case 'identify':
      final anonymous = smolhog.distinctId;
      return {
        'ids': [smolhog.identify(order['user']! as String)],
        'anonymous': anonymous,
      };
    case 'flush':
      final seconds = order['seconds'] as int? ?? 20;
      return {'flushed': await smolhog.flush(timeout: Duration(seconds: seconds))};
    case 'resume':
      smolhog.resume();
      return {};
    case 'close':
      await smolhog.close();
      return {};
    case final unknown:
      throw ArgumentError.value(unknown, 'do');
  }
}

/// Tracks as fast as it goes, with a turn for the network now and then.
Future<List<String?>> _track(Smolhog smolhog, Map<String, Object?> order) async {
  final ids = <String?>[];
  final properties = order['properties'] as Map<String, Object?>? ?? {};
  for (var n = 0; n < (order['count']! as int); n++) {
    ids.add(
      smolhog.track(
        order['event'] as String? ?? 'clicked',
        properties: {...properties, 'n': n},
      ),
    );
    if (n % 100 == 99) await Future<void>.delayed(Duration.zero);
  }
  return ids;
}
