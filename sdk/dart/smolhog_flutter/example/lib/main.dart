import 'package:flutter/material.dart';
import 'package:smolhog_flutter/smolhog_flutter.dart';

Future<void> main() async {
  await SmolhogFlutter.initialize(
    url: 'http://localhost:8400',
    writeKey: 'your write key',
    appVersion: '1.4.0',
    options: const SmolhogOptions(debug: true),
  );
  runApp(const ShopApp());
}

/// A shop with two screens.
class ShopApp extends StatelessWidget {
  /// Creates the app.
  const ShopApp({super.key});

  @override
  Widget build(BuildContext context) => MaterialApp(
        title: 'Shop',
        navigatorObservers: [SmolhogRouteObserver()],
        routes: {
          '/': (_) => const ShelfPage(),
          '/cart': (_) => const CartPage(),
        },
      );
}

/// Where things are looked at.
class ShelfPage extends StatelessWidget {
  /// Creates the page.
  const ShelfPage({super.key});

  @override
  Widget build(BuildContext context) => Scaffold(
        appBar: AppBar(title: const Text('Shelf')),
        body: Center(
          child: ElevatedButton(
            onPressed: () {
              Smolhog.instance.track(
                'product_added',
                properties: {'sku': 'hedgehog', 'price': 19.9},
              );
              Navigator.of(context).pushNamed('/cart');
            },
            child: const Text('Add to cart'),
          ),
        ),
      );
}

/// Where things are bought.
class CartPage extends StatelessWidget {
  /// Creates the page.
  const CartPage({super.key});

  @override
  Widget build(BuildContext context) => Scaffold(
        appBar: AppBar(title: const Text('Cart')),
        body: Center(
          child: ElevatedButton(
            onPressed: () => Smolhog.instance
              ..identify('user-42', set: {'plan': 'pro'})
              ..track('order_completed', properties: {'amount': 19.9}),
            child: const Text('Buy'),
          ),
        ),
      );
}
