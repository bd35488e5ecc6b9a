/// The few parts of the browser that the SDK touches, declared here so that it
/// depends on nothing but `dart:js_interop`.
library;

import 'dart:js_interop';

/// A WebSocket of the browser.
@JS('WebSocket')
extension type BrowserSocket._(JSObject _) implements JSObject {
  /// Starts to connect.
  external factory BrowserSocket(String url);

  /// Called when it is open.
  external set onopen(JSFunction? callback);

  /// Called with each message.
  external set onmessage(JSFunction? callback);

  /// Called when it is closed, and when it never opened.
  external set onclose(JSFunction? callback);

  /// Sends a text message.
  external void send(String text);

  /// Closes it.
  external void close(int code);
}

/// A message that came in.
extension type MessageEvent._(JSObject _) implements JSObject {
  /// Text or bytes.
  external JSAny? get data;
}

/// The end of a WebSocket.
extension type CloseEvent._(JSObject _) implements JSObject {
  /// 1005 and 1006 stand for none.
  external int get code;

  /// The other side's words.
  external String get reason;
}

/// The local storage of a site.
@JS('Storage')
extension type LocalStorage._(JSObject _) implements JSObject {
  /// How many items it has.
  external int get length;

  /// The name of one of them.
  external String? key(int index);

  /// Reads an item.
  external String? getItem(String key);

  /// Writes an item; fails when the storage is full.
  external void setItem(String key, String value);

  /// Removes an item.
  external void removeItem(String key);
}

/// The answer to a `fetch`.
extension type FetchResponse._(JSObject _) implements JSObject {
  /// Of HTTP.
  external int get status;

  /// Its headers.
  external FetchHeaders get headers;

  /// Its body; a promise of a [JSString].
  external JSPromise text();
}

/// The headers of an answer.
extension type FetchHeaders._(JSObject _) implements JSObject {
  /// Reads a header.
  external String? get(String name);
}

/// Options of a `fetch`.
extension type FetchOptions._(JSObject _) implements JSObject {
  /// Creates options.
  external factory FetchOptions({
    String method,
    JSAny? headers,
    String body,
    AbortSignal signal,
    bool keepalive,
  });
}

/// Ends a `fetch` that takes too long.
@JS('AbortController')
extension type AbortController._(JSObject _) implements JSObject {
  /// Creates a controller.
  external factory AbortController();

  /// Its signal.
  external AbortSignal get signal;

  /// Ends what listens to the signal.
  external void abort();
}

/// What a `fetch` listens to.
extension type AbortSignal._(JSObject _) implements JSObject {}

/// Who runs the page.
extension type Navigator._(JSObject _) implements JSObject {
  /// E.g. `de-CH`.
  external String get language;
}

/// Where the page is from.
extension type Location._(JSObject _) implements JSObject {
  /// The whole address.
  external String get href;
}

/// The browser's `fetch`; a promise of a [FetchResponse].
// Promises got a type parameter only after Dart 3.3.
@JS('fetch')
external JSPromise fetch(String url, FetchOptions options);

/// The browser.
@JS('navigator')
external Navigator get navigator;

/// The page's address.
@JS('location')
external Location get location;

@JS('localStorage')
external LocalStorage? get _localStorage;

/// The site's local storage, or `null` where the browser keeps none for it.
LocalStorage? localStorageOrNull() {
  try {
    return _localStorage;
  } on Object {
    // Reading the name alone throws where cookies are blocked.
    return null;
  }
}
