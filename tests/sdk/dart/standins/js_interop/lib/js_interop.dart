/// The part of `dart:js_interop` that the SDK's web side uses, declared for a
/// compiler that has no such library. It can be compiled against, not run.
library;

/// Names what a declaration stands for.
class JS {
  /// Creates an annotation.
  const JS([this.name]);

  /// In JavaScript.
  final String? name;
}

/// Any value but null and undefined.
extension type JSAny._(Object _) implements Object {}

/// An object.
extension type JSObject._(Object _) implements JSAny {}

/// A text.
extension type JSString._(Object _) implements JSAny {}

/// A function.
extension type JSFunction._(Object _) implements JSObject {}

/// A promise.
extension type JSPromise<T extends JSAny?>._(Object _) implements JSObject {}

/// What any value can be asked.
extension JSAnyUtilityExtension on JSAny? {
  /// What JavaScript's `typeof` says.
  external bool typeofEquals(String typeString);
}

/// From Dart to JavaScript, by value.
extension NullableObjectUtilExtension on Object? {
  /// Converts.
  external JSAny? jsify();
}

/// From JavaScript to Dart.
extension JSStringToString on JSString {
  /// Converts.
  external String get toDart;
}

/// From JavaScript to Dart.
extension JSPromiseToFuture<T extends JSAny?> on JSPromise<T> {
  /// Converts.
  external Future<T> get toDart;
}

/// From Dart to JavaScript.
extension FunctionToJSExportedDartFunction on Function {
  /// Converts.
  external JSFunction get toJS;
}
