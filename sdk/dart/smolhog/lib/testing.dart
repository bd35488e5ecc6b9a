/// For tests of apps: a client that talks to a gateway in memory.
library;

import 'smolhog.dart';
import 'src/fake_gateway.dart';

export 'src/fake_clock.dart' show FakeClock;
export 'src/fake_gateway.dart' show FakeGateway, FakeVerdict;
export 'src/wire.dart' show Limits;

/// Makes a client and the gateway that it sends to, both in memory.
///
/// The client is [Smolhog.instance] too, sends at once, and knows nothing of
/// earlier tests. Close it at the end of the test.
///
/// ```dart
/// final (smolhog, gateway) = await fakes();
/// await tester.tap(find.text('Buy'));
/// await smolhog.flush();
/// expect(gateway.names, contains('order_completed'));
/// await smolhog.close();
/// ```
///
/// [options] are for the hooks and bounds that a test is about; what concerns
/// the network is [gateway]'s, which is a new one unless given.
Future<(Smolhog, FakeGateway)> fakes({
  SmolhogOptions options = const SmolhogOptions(),
  FakeGateway? gateway,
}) async {
  final fake = gateway ?? FakeGateway();
  final client = await Smolhog.initialize(
    url: 'https://smolhog.test',
    writeKey: 'fake',
    options: options.copyWith(
      transport: fake,
      storage: options.storage ?? MemoryStorage(),
      flushInterval: Duration.zero,
      deviceProperties: false,
    ),
  );
  return (client, fake);
}
