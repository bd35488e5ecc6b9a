import 'package:smolhog/smolhog.dart';
import 'package:smolhog/testing.dart';
import 'package:test/test.dart';

import 'harness.dart';

void main() {
  late Harness harness;
  late FakeGateway gateway;

  setUp(() {
    harness = Harness();
    gateway = harness.gateway;
  });

  test('delivery goes on where WebSockets do not get through', () async {
    gateway.blocksWebSockets = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(4);
    expect(gateway.names, ['a']);
    expect(gateway.requests, 1);
    smolhog.track('b');
    await harness.pass(8);
    // By now it is known that only HTTP works.
    final handshakes = gateway.handshakes;
    for (final name in ['c', 'd']) {
      smolhog.track(name);
      await harness.pass(1.2);
    }
    expect(gateway.handshakes, handshakes);
    expect(gateway.names, ['a', 'b', 'c', 'd']);
    expect(gateway.requests, 4);
  });

  test('after an outage the WebSocket is back soon', () async {
    gateway.isOffline = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    // Two failed handshakes: HTTP is next.
    await harness.pass(2.5);
    gateway.isOffline = false;
    await harness.pass(20);
    smolhog.track('b');
    await harness.pass(2);
    expect(gateway.names, ['a', 'b']);
    expect((gateway.requests, gateway.isConnected), (1, true));
  });

  test('the WebSocket gets another try later', () async {
    gateway.blocksWebSockets = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(4);
    smolhog.track('b');
    await harness.pass(4);
    expect(gateway.requests, 2);
    gateway.blocksWebSockets = false;
    await harness.pass(11 * 60);
    smolhog.track('c');
    await harness.pass(2);
    smolhog.track('d');
    await harness.pass(2);
    expect(gateway.names, ['a', 'b', 'c', 'd']);
    expect(gateway.isConnected, isTrue);
  });

  test('offline, both ways are tried in turn', () async {
    gateway.isOffline = true;
    final smolhog = await harness.open();
    smolhog.track('a');
    await harness.pass(600);
    gateway
      ..isOffline = false
      ..blocksWebSockets = true;
    await harness.pass(200);
    expect(gateway.names, ['a']);
  });

  test('Retry-After is honoured, with a draw on top', () async {
    gateway.httpReply =
        const HttpReply(503, retryAfter: Duration(seconds: 20));
    final smolhog = await harness.open(via: SendVia.http, flushAt: 1);
    smolhog.track('a');
    await harness.pass(20.5);
    expect(gateway.requests, 1);
    gateway.httpReply = null;
    await harness.pass(1);
    expect(gateway.names, ['a']);
  });

  test('Retry-After holds when the app comes back too', () async {
    gateway.httpReply =
        const HttpReply(503, retryAfter: Duration(seconds: 20));
    final smolhog = await harness.open(via: SendVia.http, flushAt: 1);
    smolhog.track('a');
    await harness.pass(5);
    smolhog.resume();
    await harness.pass(15);
    expect(gateway.requests, 1);
  });

  test('what 503 says is durable is not sent again', () async {
    gateway.httpReply = const HttpReply(
      503,
      body: '{"code":"unavailable","message":"m","accepted":1,"results":'
          '[{"index":1,"result":"retry","code":"unavailable",'
          '"message":"m"}]}',
    );
    final smolhog = await harness.open(via: SendVia.http, flushAt: 2);
    smolhog
      ..track('stored')
      ..track('again');
    await harness.pass(0);
    expect(smolhog.pending, 1);
    gateway.httpReply = null;
    await harness.pass(5);
    expect(gateway.names, ['again']);
  });

  test("a proxy's page is not an acknowledgement", () async {
    gateway.httpReply = const HttpReply(200, body: '<html>Sign in</html>');
    final smolhog = await harness.open(via: SendVia.http);
    smolhog.track('a');
    await harness.pass(30);
    expect(smolhog.pending, 1);
    gateway.httpReply = null;
    await harness.pass(60);
    expect(gateway.names, ['a']);
  });

  test('a wrong key ends all tries', () async {
    gateway.httpReply = const HttpReply(401, body: '{"message":"no"}');
    final smolhog = await harness.open(via: SendVia.http);
    smolhog.track('a');
    await harness.pass(600);
    expect((gateway.requests, harness.refused.single.message), (1, 'no'));
  });

  test('a body that is too large is halved', () async {
    gateway.largestBatch = 3;
    final smolhog = await harness.open(via: SendVia.http, flushAt: 10);
    for (var n = 0; n < 10; n++) {
      smolhog.track('e$n');
    }
    await harness.pass(300);
    expect(gateway.events, hasLength(10));
  });
}
