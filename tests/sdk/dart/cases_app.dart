/// Sends the wire cases as they are, by the SDK's own transport and codec, and
/// prints what the gateway says of each as a line of JSON.
///
/// `dart cases_app.dart PORT KEY FILE`, where the file has a list of
/// `{"name", "input"}`.
library;

import 'dart:async';
import 'dart:convert';
import 'dart:io';

import 'package:smolhog/smolhog.dart';
import 'package:smolhog/src/io_transport.dart';
import 'package:smolhog/src/wire.dart';

Future<void> main(List<String> arguments) async {
  final [port, key, file] = arguments;
  final uri = Uri.parse('ws://127.0.0.1:$port/v1/stream');
  final transport = IoTransport(userAgent: 'cases');
  final cases = jsonDecode(File(file).readAsStringSync()) as List<Object?>;
  _Session? session;
  for (final item in cases) {
    final {'name': name!, 'input': input!} = item! as Map<String, Object?>;
    session ??= await _Session.open(transport, uri, key);
    final answer = await session.ask(input as String);
    stdout.writeln(jsonEncode({'name': name, ...answer}));
    // A fatal error ends the session; the next case gets another.
    if (answer['fatal'] == true) session = null;
  }
  await stdout.flush();
  exit(0);
}

final class _Session {
  _Session(this._channel) : _events = StreamIterator(_channel.events);

  static Future<_Session> open(Transport transport, Uri uri, String key) async {
    const patience = Duration(seconds: 20);
    final session = _Session(await transport.connect(uri, timeout: patience));
    session._channel.send(encodeHello(key: key, sdk: 'cases'));
    final welcome = await session._next();
    if (welcome is! Welcome) throw StateError('no welcome but $welcome');
    return session;
  }

  final Channel _channel;
  final StreamIterator<ChannelEvent> _events;

  Future<Map<String, Object?>> ask(String frame) async {
    _channel.send(frame);
    return switch (await _next()) {
      Ack(:final accepted, :final verdicts) => {
          'accepted': accepted,
          'verdicts': [
            for (final verdict in verdicts)
              {
                'index': verdict.index,
                'result': verdict.isRetry ? 'retry' : 'rejected',
                'code': verdict.code,
              },
          ],
        },
      ErrorFrame(:final code, :final isFatal) => {
          'error': code,
          'fatal': isFatal,
        },
      final frame => throw StateError('an answer is no $frame'),
    };
  }

  Future<ServerFrame?> _next() async {
    if (!await _events.moveNext()) return null;
    return switch (_events.current) {
      TextReceived(:final text) => decodeFrame(text),
      ChannelClosed() => null,
    };
  }
}
