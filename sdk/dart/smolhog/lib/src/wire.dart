import 'dart:convert';

/// Bytes of a batch frame around its events, rounded up; a comma for each
/// event comes on top.
const frameOverhead = 256;

/// What the gateway takes at once, as its `welcome` tells. Limits that it alone
/// checks are left out.
final class Limits {
  /// Creates limits; the defaults are a gateway's own.
  const Limits({this.frameBytes = 1024 * 1024, this.batchEvents = 1000});

  /// Largest frame or body.
  final int frameBytes;

  /// Most events in a batch.
  final int batchEvents;
}

/// What became of one event of a batch that is not simply durable.
final class Verdict {
  /// Creates a verdict.
  const Verdict({
    required this.index,
    required this.isRetry,
    required this.code,
    required this.message,
  });

  /// Place of the event in its batch, from 0.
  final int index;

  /// Whether the same event may be sent again; otherwise it is refused for
  /// good.
  final bool isRetry;

  /// Machine-readable reason.
  final String code;

  /// The same for people.
  final String message;
}

/// A frame of the gateway.
sealed class ServerFrame {
  /// Creates a frame.
  const ServerFrame();
}

/// The key is good.
final class Welcome extends ServerFrame {
  /// Creates a welcome.
  const Welcome(this.limits);

  /// What the gateway takes at once.
  final Limits limits;
}

/// The batch's events are durable, but for those listed.
final class Ack extends ServerFrame {
  /// Creates an ack.
  const Ack(this.id, {this.accepted = 0, this.verdicts = const []});

  /// Of the batch.
  final String id;

  /// How many events are durable.
  final int accepted;

  /// What became of the others.
  final List<Verdict> verdicts;
}

/// The gateway is full: send nothing for a while.
final class SlowDown extends ServerFrame {
  /// Creates a request to wait.
  const SlowDown(this.retryAfter);

  /// How long.
  final Duration retryAfter;
}

/// Answers a `ping` frame.
final class Pong extends ServerFrame {
  /// Creates an answer.
  const Pong();
}

/// Something is wrong with a frame or the connection.
final class ErrorFrame extends ServerFrame {
  /// Creates an error.
  const ErrorFrame(this.code, this.message, {required this.isFatal, this.id});

  /// Machine-readable.
  final String code;

  /// For people.
  final String message;

  /// Whether the connection is closed next.
  final bool isFatal;

  /// The batch that it is about, where that is known.
  final String? id;
}

/// A frame that this version does not know; newer gateways may say more.
final class UnknownFrame extends ServerFrame {
  /// Creates a frame to pass over.
  const UnknownFrame(this.type);

  /// Its type, or what was found in place of it.
  final String type;
}

/// Writes the first frame of a connection.
String encodeHello({required String key, required String sdk}) =>
    jsonEncode({'type': 'hello', 'key': key, 'sdk': sdk});

/// Writes a batch frame of events that are already JSON. [sentAt] is the time
/// of this attempt.
String encodeBatch(String id, DateTime sentAt, Iterable<String> events) =>
    '{"type":"batch","id":${jsonEncode(id)},'
    '"sent_at":"${sentAt.toUtc().toIso8601String()}",'
    '"events":[${events.join(',')}]}';

/// Writes the body of `POST /v1/batch`.
String encodeBody(String id, DateTime sentAt, Iterable<String> events) =>
    '{"id":${jsonEncode(id)},'
    '"sent_at":"${sentAt.toUtc().toIso8601String()}",'
    '"events":[${events.join(',')}]}';

/// Reads a frame of the gateway. What it cannot read is an [UnknownFrame].
ServerFrame decodeFrame(String text) => switch (_decode(text)) {
      {'type': 'welcome', 'limits': final Map<String, Object?> limits} =>
        Welcome(_limits(limits)),
      {'type': 'welcome'} => const Welcome(Limits()),
      {'type': 'ack', 'id': final String id} && final ack => Ack(
          id,
          accepted: switch (ack['accepted']) { final int n => n, _ => 0 },
          verdicts: verdictsOf(ack['results']),
        ),
      {'type': 'slow_down', 'retry_after_ms': final int wait} =>
        SlowDown(Duration(milliseconds: wait)),
      {'type': 'pong'} => const Pong(),
      {
        'type': 'error',
        'code': final String code,
        'message': final String message,
      } &&
            final error =>
        ErrorFrame(
          code,
          message,
          isFatal: error['fatal'] == true,
          id: switch (error['id']) { final String id => id, _ => null },
        ),
      {'type': final String type} => UnknownFrame(type),
      _ => const UnknownFrame('not an object with a type'),
    };

/// Reads a JSON object of the gateway's; an empty one if it is none.
Map<String, Object?> decodeObject(String text) => switch (_decode(text)) {
      final Map<String, Object?> object => object,
      _ => const {},
    };

/// Reads a list of verdicts; what is not a verdict is passed over.
List<Verdict> verdictsOf(Object? json) => [
      if (json is List<Object?>)
        for (final item in json)
          if (item
              case {
                'index': final int index,
                'result': final String result,
                'code': final String code,
                'message': final String message,
              })
            Verdict(
              index: index,
              isRetry: result == 'retry',
              code: code,
              message: message,
            ),
    ];

Limits _limits(Map<String, Object?> json) {
  const defaults = Limits();
  int read(String name, int otherwise) =>
      switch (json[name]) { final int n when n > 0 => n, _ => otherwise };
  return Limits(
    frameBytes: read('frame_bytes', defaults.frameBytes),
    batchEvents: read('batch_events', defaults.batchEvents),
  );
}

Object? _decode(String text) {
  try {
    return jsonDecode(text);
  } on FormatException {
    return null;
  }
}
