part of 'test.dart';

/// Says what a value should be.
class Matcher {
  /// Creates a matcher.
  Matcher(this.words, this.matches);

  /// For people.
  final String words;

  /// Whether a value is that.
  final bool Function(Object? actual) matches;
}

/// A matcher for a type.
class TypeMatcher<T> extends Matcher {
  /// Creates a matcher, with further demands.
  TypeMatcher([List<(String, Object? Function(T), Matcher)> having = const []])
      : _having = having,
        super(
          ['$T', for (final (name, _, m) in having) '$name ${m.words}'].join(', '),
          (actual) =>
              actual is T && having.every((h) => h.$3.matches(h.$2(actual))),
        );

  final List<(String, Object? Function(T), Matcher)> _having;

  /// Demands something of a part.
  TypeMatcher<T> having(
    Object? Function(T) feature,
    String description,
    Object? matcher,
  ) =>
      TypeMatcher<T>([..._having, (description, feature, wrapMatcher(matcher))]);
}

class _Throws extends Matcher {
  _Throws(this.error)
      : super('throws ${error.words}', (actual) {
          try {
            (actual! as Object? Function())();
          } on Object catch (thrown) {
            return error.matches(thrown);
          }
          return false;
        });

  final Matcher error;

  Future<void> check(Object? actual) async {
    try {
      await (actual is Future ? actual : (actual! as Object? Function())());
    } on Object catch (thrown) {
      expect(thrown, error);
      return;
    }
    fail('Expected: $words');
  }
}

/// A value itself, or a matcher as it is.
Matcher wrapMatcher(Object? value) =>
    value is Matcher ? value : equals(value);

/// Equal, lists, sets and maps by what they hold.
Matcher equals(Object? wanted) =>
    Matcher('$wanted', (actual) => _isEqual(actual, wanted));

bool _isEqual(Object? a, Object? b) => switch ((a, b)) {
      (_, final Matcher matcher) => matcher.matches(a),
      (final Map<Object?, Object?> a, final Map<Object?, Object?> b) =>
        a.length == b.length &&
            b.keys.every((key) => a.containsKey(key) && _isEqual(a[key], b[key])),
      (final Set<Object?> a, final Set<Object?> b) =>
        a.length == b.length && a.containsAll(b),
      (final Iterable<Object?> a, final Iterable<Object?> b) =>
        a.length == b.length &&
            Iterable<int>.generate(a.length)
                .every((i) => _isEqual(a.elementAt(i), b.elementAt(i))),
      _ => a == b,
    };

/// The same object.
Matcher same(Object? wanted) =>
    Matcher('the same as $wanted', (actual) => identical(actual, wanted));

/// True.
final isTrue = equals(true);

/// False.
final isFalse = equals(false);

/// Null.
final isNull = equals(null);

/// Not null.
final isNotNull = isNot(isNull);

/// Without elements.
final isEmpty = Matcher('empty', (actual) => _isEmpty(actual));

/// With elements.
final isNotEmpty = Matcher('not empty', (actual) => !_isEmpty(actual));

bool _isEmpty(Object? value) => switch (value) {
      final Iterable<Object?> items => items.isEmpty,
      final Map<Object?, Object?> map => map.isEmpty,
      _ => value == '',
    };

/// Anything else.
Matcher isNot(Object? matcher) {
  final unwanted = wrapMatcher(matcher);
  return Matcher('not ${unwanted.words}', (a) => !unwanted.matches(a));
}

/// Of a type.
TypeMatcher<T> isA<T>() => TypeMatcher<T>();

/// With so many elements.
Matcher hasLength(Object? wanted) {
  final length = wrapMatcher(wanted);
  return Matcher(
    'of length ${length.words}',
    (actual) => length.matches(
      switch (actual) {
        final Iterable<Object?> items => items.length,
        final Map<Object?, Object?> map => map.length,
        _ => (actual! as String).length,
      },
    ),
  );
}

/// Has an element, a key or a part of a text.
Matcher contains(Object? wanted) => Matcher(
      'contains $wanted',
      (actual) => switch (actual) {
        final String text => text.contains(wanted! as Pattern),
        final Map<Object?, Object?> map => map.containsKey(wanted),
        final Iterable<Object?> items =>
          items.any((item) => wrapMatcher(wanted).matches(item)),
        _ => false,
      },
    );

/// A text that a pattern is found in.
Matcher matches(Pattern pattern) => Matcher(
      'matches $pattern',
      (actual) => actual is String && actual.contains(pattern),
    );

/// Greater.
Matcher greaterThan(num bound) =>
    Matcher('more than $bound', (a) => a is num && a > bound);

/// Less.
Matcher lessThan(num bound) =>
    Matcher('less than $bound', (a) => a is num && a < bound);

/// Less or equal.
Matcher lessThanOrEqualTo(num bound) =>
    Matcher('at most $bound', (a) => a is num && a <= bound);

/// Throws something.
Matcher throwsA(Object? matcher) => _Throws(wrapMatcher(matcher));

/// Throws an [ArgumentError].
final throwsArgumentError = throwsA(isA<ArgumentError>());

/// Throws a [StateError].
final throwsStateError = throwsA(isA<StateError>());
