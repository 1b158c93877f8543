import Counts

/// Several policies replayed over one trace, side by side.
public struct Comparison: Sendable {
    /// In the order they are shown; the first is what the others are measured against.
    public let tables: [CountsTable]
    /// The series of all tables together, in canonical order, with each table's row for it.
    let rows: [Row]

    struct Row: Sendable {
        var key: SeriesKey
        /// One per table; nil where the table does not have the series.
        var series: [Series?]
    }

    public init(_ tables: [CountsTable]) {
        self.tables = tables
        var index: [Occurrence: Int] = [:]
        var rows: [Row] = []
        for (number, table) in tables.enumerated() {
            var seen: [SeriesKey: Int] = [:]
            for series in table.series {
                let occurrence = Occurrence(key: series.key, ordinal: seen[series.key, default: 0])
                seen[series.key, default: 0] += 1
                if index[occurrence] == nil {
                    index[occurrence] = rows.count
                    rows.append(Row(key: series.key, series: Array(repeating: nil, count: tables.count)))
                }
                rows[index[occurrence]!].series[number] = series
            }
        }
        // Rows with equal keys were met in order, and must stay so.
        self.rows = rows.enumerated().sorted { a, b in
            a.element.key == b.element.key ? a.offset < b.offset : a.element.key < b.element.key
        }.map(\.element)
    }

    private struct Occurrence: Hashable {
        var key: SeriesKey
        var ordinal: Int
    }

    var guests: [Row] { rows.filter { $0.key.isGuest } }
    var hosts: [Row] { rows.filter { !$0.key.isGuest } }
}
