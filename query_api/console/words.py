"""The words that a statement may be made of. Pure.

Whatever is not listed is refused: a function that a later ClickHouse brings is not ours to trust. The lists hold
what computes from its arguments alone; not what reads tables, dictionaries, files, settings or the network, waits,
or tells about the server.
"""

import re

from query_api.errors import InvalidParameter


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS = _words(
    """
    SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER ASC DESC NULLS FIRST LAST LIMIT OFFSET WITH TIES AS AND OR XOR
    NOT IN IS NULL LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END UNION ALL INTERSECT EXCEPT JOIN INNER LEFT RIGHT FULL
    OUTER CROSS ANY SEMI ANTI ASOF ON USING OVER PARTITION ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW
    TRUE FALSE INTERVAL NANOSECOND MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR CAST
    TRY_CAST EXISTS EXTRACT ARRAY TOTALS ROLLUP CUBE GROUPING SETS QUALIFY FILTER WINDOW FILL TO STEP DATE
    """
)
_TYPES = _words(
    """
    String FixedString Bool Boolean UUID IPv4 IPv6 Date Date32 DateTime DateTime64 Int8 Int16 Int32 Int64 Int128
    Int256 UInt8 UInt16 UInt32 UInt64 UInt128 UInt256 Float32 Float64 Decimal Nullable Array Tuple Map LowCardinality
    """
)
# Words that stand before a bracket without being a function.
_BEFORE_BRACKETS = _words(
    """
    SELECT DISTINCT FROM WHERE BY HAVING LIMIT OFFSET WITH AS AND OR XOR NOT IN LIKE ILIKE BETWEEN CASE WHEN THEN
    ELSE UNION ALL INTERSECT EXCEPT JOIN ON USING OVER INTERVAL CAST TRY_CAST EXISTS EXTRACT ROLLUP CUBE SETS QUALIFY
    FILTER ANY
    """
)
_AGGREGATES = _words(
    """
    count sum avg min max any anyLast any_value first_value last_value argMin argMax uniq uniqExact uniqCombined
    uniqCombined64 uniqHLL12 uniqUpTo groupArray groupArrayLast groupArraySorted groupUniqArray groupArrayMovingAvg
    groupArrayMovingSum groupArrayIntersect groupConcat string_agg array_agg groupBitAnd groupBitOr groupBitXor
    sumMap minMap maxMap sumCount sumKahan topK topKWeighted approx_top_k anyHeavy deltaSum deltaSumTimestamp
    quantile quantiles quantileExact quantilesExact quantileExactLow quantileExactHigh quantileExactWeighted
    quantileTDigest quantilesTDigest quantileTiming quantilesTiming quantileDeterministic quantileBFloat16 median
    medianExact medianTDigest medianTiming stddevPop stddevSamp stddevPopStable stddevSampStable varPop varSamp
    varPopStable varSampStable covarPop covarSamp corr corrStable skewPop skewSamp kurtPop kurtSamp entropy
    histogram sparkbar simpleLinearRegression studentTTest welchTTest mannWhitneyUTest meanZTest rankCorr cramersV
    windowFunnel retention sequenceMatch sequenceCount sequenceNextNode avgWeighted boundingRatio
    intervalLengthSum maxIntersections exponentialMovingAverage stddev_pop stddev_samp var_pop var_samp variance
    stddev covar_pop covar_samp max_by min_by approxDistinct
    """
)
_COMBINATORS = ("If", "Array", "Map", "Distinct", "OrNull", "OrDefault", "ForEach")
_WINDOW = _words(
    """
    row_number rank dense_rank percent_rank cume_dist ntile lag lead lagInFrame leadInFrame nth_value
    nonNegativeDerivative
    """
)
_FUNCTIONS = _words(
    """
    if multiIf coalesce ifNull nullIf assumeNotNull toNullable isNull isNotNull isZeroOrNull greatest least clamp
    equals notEquals less greater lessOrEquals greaterOrEquals and or not xor plus minus multiply divide intDiv
    intDivOrZero modulo moduloOrZero positiveModulo mod negate abs sign gcd lcm isNaN isFinite isInfinite ifNotFinite
    round roundBankers floor ceil ceiling trunc truncate roundDown roundDuration roundToExp2 pow power exp exp2 exp10
    log ln log2 log10 log1p sqrt cbrt erf erfc sin cos tan asin acos atan atan2 sinh cosh tanh degrees radians pi e
    hypot sigmoid factorial widthBucket
    lower upper lowerUTF8 upperUTF8 lcase ucase length char_length character_length lengthUTF8 empty notEmpty
    reverse reverseUTF8 concat concatWithSeparator concat_ws substring substringUTF8 substr mid left right leftUTF8
    rightUTF8 substringIndex position positionUTF8 positionCaseInsensitive positionCaseInsensitiveUTF8 locate
    startsWith endsWith startsWithUTF8 endsWithUTF8 trim ltrim rtrim trimBoth trimLeft trimRight leftPad rightPad lpad
    rpad repeat space initcap initcapUTF8 format replace replaceOne replaceAll replaceRegexpOne replaceRegexpAll
    translate translateUTF8 match like ilike notLike notILike extract extractAll extractAllGroups
    extractAllGroupsVertical extractAllGroupsHorizontal extractGroups regexpExtract countMatches countSubstrings
    multiSearchAny multiSearchAnyCaseInsensitive multiSearchFirstIndex hasToken hasTokenCaseInsensitive ngramDistance
    ngramSearch levenshteinDistance editDistance jaroSimilarity jaroWinklerSimilarity soundex splitByChar
    splitByString split splitByRegexp splitByWhitespace splitByNonAlpha alphaTokens tokens ngrams arrayStringConcat
    array_to_string base64Encode base64Decode tryBase64Decode hex unhex encodeURLComponent decodeURLComponent ascii
    char toValidUTF8 isValidUTF8 normalizeUTF8NFC removeDiacriticsUTF8 firstLine
    domain domainWithoutWWW topLevelDomain firstSignificantSubdomain cutToFirstSignificantSubdomain protocol port path
    pathFull queryString fragment extractURLParameter extractURLParameters extractURLParameterNames URLHierarchy
    URLPathHierarchy cutWWW cutQueryString cutFragment cutQueryStringAndFragment cutURLParameter netloc
    JSONExtract JSONExtractString JSONExtractInt JSONExtractUInt JSONExtractFloat JSONExtractBool JSONExtractRaw
    JSONExtractArrayRaw JSONExtractKeys JSONExtractKeysAndValues JSONExtractKeysAndValuesRaw JSONHas JSONLength
    JSONType JSONArrayLength JSON_VALUE JSON_QUERY JSON_EXISTS isValidJSON toJSONString simpleJSONExtractString
    simpleJSONExtractInt simpleJSONExtractUInt simpleJSONExtractFloat simpleJSONExtractBool simpleJSONExtractRaw
    simpleJSONHas visitParamExtractString visitParamExtractInt visitParamExtractFloat
    now now64 today yesterday toDate toDate32 toDateTime toDateTime64 toDateOrNull toDateOrZero toDateTimeOrNull
    toDateTimeOrZero toDateTime64OrNull date date_trunc dateTrunc dateDiff date_diff dateAdd dateSub date_add date_sub
    timestampDiff timestamp_diff timestampadd timestamp_add timestampsub timestamp_sub age toYear toQuarter toMonth
    toWeek toISOWeek toISOYear toYearWeek toDayOfYear toDayOfMonth toDayOfWeek toHour toMinute toSecond toMillisecond
    year quarter month week day hour minute second dayofweek dayofmonth dayofyear toUnixTimestamp
    toUnixTimestamp64Milli toUnixTimestamp64Micro fromUnixTimestamp fromUnixTimestamp64Milli fromUnixTimestamp64Micro
    toStartOfYear toStartOfISOYear toStartOfQuarter toStartOfMonth toStartOfWeek toMonday toStartOfDay toStartOfHour
    toStartOfMinute toStartOfSecond toStartOfFiveMinutes toStartOfFiveMinute toStartOfTenMinutes
    toStartOfFifteenMinutes toStartOfInterval toLastDayOfMonth last_day toTime toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss
    toRelativeDayNum toRelativeHourNum toRelativeWeekNum toRelativeMonthNum addYears addQuarters addMonths addWeeks
    addDays addHours addMinutes addSeconds subtractYears subtractQuarters subtractMonths subtractWeeks subtractDays
    subtractHours subtractMinutes subtractSeconds toTimeZone toTimezone timeSlot timeSlots formatDateTime
    formatDateTimeInJodaSyntax parseDateTime parseDateTimeBestEffort parseDateTimeBestEffortOrNull
    parseDateTimeBestEffortOrZero parseDateTime64BestEffort parseDateTime64BestEffortOrNull dateName monthName
    makeDate makeDateTime toIntervalSecond toIntervalMinute toIntervalHour toIntervalDay toIntervalWeek
    toIntervalMonth toIntervalQuarter toIntervalYear
    toString toInt8 toInt16 toInt32 toInt64 toInt128 toInt256 toUInt8 toUInt16 toUInt32 toUInt64 toUInt128 toUInt256
    toFloat32 toFloat64 toDecimal32 toDecimal64 toDecimal128 toInt32OrNull toInt64OrNull toUInt32OrNull
    toUInt64OrNull toFloat32OrNull toFloat64OrNull toDecimal64OrNull toInt32OrZero toInt64OrZero toUInt32OrZero
    toUInt64OrZero toFloat32OrZero toFloat64OrZero toUInt8OrNull toUInt8OrZero toBool toUUID toUUIDOrNull
    toUUIDOrZero toFixedString toLowCardinality toTypeName accurateCast accurateCastOrNull cast
    toIPv4 toIPv6 toIPv4OrNull toIPv6OrNull isIPv4String isIPv6String isIPAddressInRange
    array emptyArrayString arrayJoin arrayMap arrayFilter arrayExists arrayAll arrayCount arraySum arrayAvg arrayMin
    arrayMax arrayFirst arrayLast arrayFirstIndex arrayLastIndex arraySort arrayReverseSort arrayReverse arrayDistinct
    arrayUniq arrayConcat arraySlice arrayElement arrayPushBack arrayPushFront arrayPopBack arrayPopFront arrayResize
    arrayZip arrayEnumerate arrayEnumerateUniq arrayEnumerateDense arrayDifference arrayCumSum
    arrayCumSumNonNegative arrayProduct arrayFlatten arrayCompact arrayIntersect arrayFold arrayFill arraySplit
    arrayWithConstant has hasAll hasAny hasSubstr indexOf countEqual range
    tuple tupleElement untuple map mapKeys mapValues mapContains mapFromArrays mapFilter mapApply mapAdd
    mapContainsKey
    cityHash64 sipHash64 xxHash64 murmurHash3_64 MD5 SHA1 SHA256 farmHash64
    bitAnd bitOr bitXor bitNot bitShiftLeft bitShiftRight bitCount bitTest
    transform bar formatReadableSize formatReadableQuantity formatReadableTimeDelta formatReadableDecimalSize
    geoDistance greatCircleDistance geohashEncode geohashDecode grouping
    """
)
_FUNCTION_WORDS = frozenset(name.lower() for name in _FUNCTIONS | _WINDOW | _AGGREGATES)

_TOKEN = re.compile(
    r"""
      (?P<space>\ +)
    | (?P<name>"[^"\\`{}]*")
    | (?P<bound>\{s[0-9]+:String\})
    | (?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>->|<=>|<>|!=|<=|>=|==|\|\||::|[-+*/%<>=.,()\[\]?:])
    """,
    re.VERBOSE | re.ASCII,
)


def check_words(statement: str) -> None:
    """Check every word of a statement whose identifiers are all in double quotes and whose strings are bound.

    Raises:
        InvalidParameter: there is something that is on none of the lists.
    """
    place = 0
    while place < len(statement):
        token = _TOKEN.match(statement, place)
        if token is None or statement.startswith(("--", "/*"), place):
            raise refused(f"{statement[place : place + 20]!r} cannot be used here")
        place = token.end()
        opens = statement.startswith("(", place) or statement.startswith(" (", place)
        if token.lastgroup == "word":
            _check_word(token[0], opens=opens)
        elif token.lastgroup == "name" and opens:
            # The store would call a function of that name.
            raise refused(f"{token[0][:64]} cannot stand before a bracket; functions go without quotes")


def refused(message: str) -> InvalidParameter:
    """Return the error for a statement that is not run."""
    return InvalidParameter(message, field="query")


def _check_word(word: str, *, opens: bool) -> None:
    if opens and (word.upper() in _BEFORE_BRACKETS or word in _TYPES or _is_function(word)):
        return
    if not opens and (word.upper() in _KEYWORDS or word in _TYPES or word.lower() in {"inf", "nan"}):
        return
    if opens:
        raise refused(f"the function {word[:64]}() cannot be used here")
    raise refused(f"{word[:64]} cannot be used here: write a SELECT over the tables of your project")


def _is_function(word: str) -> bool:
    if word.lower() in _FUNCTION_WORDS:
        return True
    base = word
    while (suffix := next((end for end in _COMBINATORS if base.endswith(end)), None)) is not None:
        base = base.removesuffix(suffix)
        if base.lower() in _AGGREGATE_WORDS:
            return True
    return False


_AGGREGATE_WORDS = frozenset(name.lower() for name in _AGGREGATES)
