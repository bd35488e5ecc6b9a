import 'dart:convert';

import 'package:smolhog/src/endpoint.dart';
import 'package:smolhog/src/outcome.dart';
import 'package:smolhog/src/transport.dart';
import 'package:smolhog/src/wire.dart';
import 'package:test/test.dart';

void main() {
  test('a batch is one JSON object around the events as they are', () {
    final frame = encodeBatch(
      'b"1',
      DateTime.utc(2026, 1, 31, 12),
      ['{"event":"a"}', '{"event":"b"}'],
    );
    expect(jsonDecode(frame), {
      'type': 'batch',
      'id': 'b"1',
      'sent_at': '2026-01-31T12:00:00.000Z',
      'events': [
        {'event': 'a'},
        {'event': 'b'},
      ],
    });
  });

  test('every frame of the gateway is understood', () {
    expect(
      decodeFrame(
        '{"type":"welcome","protocol":1,'
        '"limits":{"frame_bytes":4096,"batch_events":10,"nesting":8}}',
      ),
      isA<Welcome>()
          .having((w) => w.limits.frameBytes, 'frameBytes', 4096)
          .having((w) => w.limits.batchEvents, 'batchEvents', 10),
    );
    expect(
      decodeFrame(
        '{"type":"ack","id":"b1","accepted":1,"results":[{"index":1,'
        '"result":"rejected","code":"name_too_long","message":"m"},'
        '{"index":2,"result":"retry","code":"unavailable","message":"m"}]}',
      ),
      isA<Ack>()
          .having((a) => a.accepted, 'accepted', 1)
          .having((a) => a.verdicts.map((v) => v.isRetry), 'r', [false, true])
          .having((a) => a.verdicts.map((v) => v.index), 'indexes', [1, 2]),
    );
    expect(
      decodeFrame('{"type":"slow_down","retry_after_ms":500}'),
      isA<SlowDown>()
          .having((s) => s.retryAfter.inMilliseconds, 'wait', 500),
    );
    expect(decodeFrame('{"type":"pong"}'), isA<Pong>());
    expect(
      decodeFrame('{"type":"error","code":"c","message":"m","fatal":true}'),
      isA<ErrorFrame>()
          .having((e) => e.isFatal, 'fatal', true)
          .having((e) => e.id, 'id', null),
    );
  });

  test('what is not understood is passed over, not thrown', () {
    const frames = ['', '[]', '{"type":"new"}', '{"type":"ack"}', '{"a":'];
    for (final text in frames) {
      expect(decodeFrame(text), isA<UnknownFrame>(), reason: text);
    }
    expect(verdictsOf([1, {'index': 'x'}]), isEmpty);
  });

  test('close codes tell what to do next', () {
    Outcome of(int? code, {bool wasReached = true}) =>
        outcomeOfClose(code, wasReached: wasReached);
    expect(of(1012), isA<Restarting>());
    expect(of(4401), isA<Refused>());
    expect(of(4403), isA<Refused>());
    expect(of(1009), isA<Poisoned>());
    expect(of(4400), isA<Poisoned>());
    expect(of(4400, wasReached: false), isA<Lost>());
    for (final code in [null, 1006, 1011, 1013, 4408]) {
      expect(of(code), isA<Lost>());
    }
  });

  test('HTTP answers tell what to do next', () {
    expect(outcomeOfStatus(401), isA<Refused>());
    expect(outcomeOfStatus(413), isA<Poisoned>());
    for (final status in [301, 404, 408, 429, 500, 502, 503]) {
      expect(outcomeOfStatus(status), isA<Lost>());
    }
    expect(retryAfterOf('3'), const Duration(seconds: 3));
    expect(retryAfterOf('Wed, 21 Oct 2026 07:28:00 GMT'), isNull);
    expect(retryAfterOf(null), isNull);
  });

  test('an address of any of the four schemes gives both ways in', () {
    for (final (url, stream, batch) in [
      ('https://a.b', 'wss://a.b/v1/stream', 'https://a.b/v1/batch'),
      ('ws://h:8400/', 'ws://h:8400/v1/stream', 'http://h:8400/v1/batch'),
      ('wss://h/x/', 'wss://h/x/v1/stream', 'https://h/x/v1/batch'),
    ]) {
      final endpoint = Endpoint(url, writeKey: 'k');
      expect(['${endpoint.stream}', '${endpoint.batch}'], [stream, batch]);
    }
  });

  test('what cannot be an address or a key is an error at once', () {
    for (final url in ['', 'a.b', 'ftp://a.b', 'https://', '::']) {
      expect(() => Endpoint(url, writeKey: 'k'), throwsArgumentError);
    }
    expect(() => Endpoint('https://a', writeKey: ''), throwsArgumentError);
  });

  test('the name of a folder does not give the key away', () {
    final one = Endpoint('https://a', writeKey: 'sh_w_1').fingerprint;
    final two = Endpoint('https://a', writeKey: 'sh_w_2').fingerprint;
    expect(one, isNot(two));
    expect(Endpoint('https://b', writeKey: 'sh_w_1').fingerprint, one);
    expect(one, matches(RegExp(r'^[0-9a-f]{1,12}$')));
  });
}
