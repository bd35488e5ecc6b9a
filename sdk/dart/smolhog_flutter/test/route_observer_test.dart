import 'package:flutter/widgets.dart';
import 'package:flutter_test/flutter_test.dart';
import 'package:smolhog/testing.dart';
import 'package:smolhog_flutter/smolhog_flutter.dart';

Route<void> _page(String? name) => PageRouteBuilder<void>(
      settings: RouteSettings(name: name),
      pageBuilder: (_, __, ___) => const SizedBox(),
    );

Route<void> _dialog() => RawDialogRoute<void>(
      settings: const RouteSettings(name: 'sure?'),
      pageBuilder: (_, __, ___) => const SizedBox(),
    );

void main() {
  late Smolhog smolhog;
  late FakeGateway gateway;

  setUp(() async => (smolhog, gateway) = await fakes());
  tearDown(() => smolhog.close());

  Future<List<Object?>> screens() async {
    await smolhog.flush();
    return [
      for (final event in gateway.events) event.properties[r'$screen_name'],
    ];
  }

  test('pages that come up are screens, whichever way they come', () async {
    final observer = SmolhogRouteObserver();
    final (home, cart, paid) = (_page('/'), _page('/cart'), _page('/paid'));
    observer
      ..didPush(home, null)
      ..didPush(cart, home)
      ..didReplace(newRoute: paid, oldRoute: cart)
      ..didPop(paid, home);
    expect(await screens(), ['/', '/cart', '/paid', '/']);
  });

  test('dialogs and pages without a name are none', () async {
    final home = _page('/');
    final dialog = _dialog();
    SmolhogRouteObserver()
      ..didPush(home, null)
      ..didPush(dialog, home)
      ..didPop(dialog, home)
      ..didPush(_page(null), home);
    expect(await screens(), ['/']);
  });

  test("a route's query is not sent, and names may be made", () async {
    SmolhogRouteObserver().didPush(_page('/reset?token=x'), null);
    SmolhogRouteObserver(screenName: (route) => 'Order')
        .didPush(_page('/orders/42'), null);
    expect(await screens(), ['/reset', 'Order']);
  });

  test('without a client nothing happens', () async {
    await smolhog.close();
    SmolhogRouteObserver().didPush(_page('/'), null);
    expect(gateway.events, isEmpty);
  });
}
