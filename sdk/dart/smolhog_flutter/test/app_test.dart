import 'package:flutter/widgets.dart';
import 'package:flutter_test/flutter_test.dart';
import 'package:smolhog/testing.dart';
import 'package:smolhog_flutter/smolhog_flutter.dart';

void main() {
  late FakeGateway gateway;

  setUp(() => gateway = FakeGateway());
  tearDown(() => Smolhog.maybeInstance?.close());

  Future<Smolhog> start({bool trackLifecycle = true}) =>
      SmolhogFlutter.initialize(
        url: 'https://smolhog.test',
        writeKey: 'fake',
        appVersion: '1.4.0',
        trackLifecycle: trackLifecycle,
        options: SmolhogOptions(transport: gateway, storage: MemoryStorage()),
      );

  testWidgets('events say which app and device they come from', (_) async {
    final smolhog = await start();
    smolhog.track('clicked');
    await smolhog.flush();
    final properties = gateway.events.last.properties;
    expect(properties[r'$app_version'], '1.4.0');
    expect(properties[r'$locale'], isA<String>());
    expect(properties[r'$screen_width'], isA<int>());
    expect(properties[r'$os'], isA<String>());
    await smolhog.close();
  });

  testWidgets('going and coming back are events; going sends them',
      (tester) async {
    final smolhog = await start();
    for (final state in [
      AppLifecycleState.inactive,
      AppLifecycleState.hidden,
      AppLifecycleState.paused,
    ]) {
      tester.binding.handleAppLifecycleStateChanged(state);
    }
    await smolhog.flush();
    expect(gateway.names, ['Application Opened', 'Application Backgrounded']);
    for (final state in [
      AppLifecycleState.hidden,
      AppLifecycleState.inactive,
      AppLifecycleState.resumed,
    ]) {
      tester.binding.handleAppLifecycleStateChanged(state);
    }
    await smolhog.flush();
    expect(gateway.names.last, 'Application Opened');
    expect(gateway.events.last.properties['from_background'], isTrue);
    await smolhog.close();
  });

  testWidgets('a look at the notifications is no coming and going',
      (tester) async {
    final smolhog = await start(trackLifecycle: false);
    tester.binding
      ..handleAppLifecycleStateChanged(AppLifecycleState.inactive)
      ..handleAppLifecycleStateChanged(AppLifecycleState.resumed);
    smolhog.track('clicked');
    await smolhog.flush();
    expect(gateway.names, ['clicked']);
    await smolhog.close();
  });

  testWidgets('a screen is tracked when it comes up, and once', (tester) async {
    final smolhog = await start(trackLifecycle: false);
    Future<void> show(String name) => tester.pumpWidget(
          SmolhogScreen(
            name: name,
            properties: const {'tab': 1},
            child: const SizedBox(),
          ),
        );
    await show('Cart');
    await show('Cart');
    await show('Orders');
    await smolhog.flush();
    final screens = gateway.events.map((e) => e.properties[r'$screen_name']);
    expect(screens, ['Cart', 'Orders']);
    expect(gateway.events.first.properties['tab'], 1);
    await smolhog.close();
  });
}
