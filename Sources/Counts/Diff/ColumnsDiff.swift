import Foundation

/// The comparison of two files of raw columns, by name.
public struct ColumnsDiff: Equatable, Sendable {
    /// One column of either file.
    public struct Column: Equatable, Sendable {
        public var name: String
        /// Elements on each side; nil where a side does not have the column.
        public var lengthA: Int?
        public var lengthB: Int?
        /// What the common beginning showed; nil where a side does not have the column.
        public var found: ColumnDifference?

        public var isSame: Bool { lengthA == lengthB && found?.differing == 0 }
    }

    public let tolerance: Tolerance
    /// In the order of A, then what only B has.
    public let columns: [Column]

    public init(
        _ a: CountsFile, _ b: CountsFile, tolerance: Tolerance = .none, threads: Int = 1,
        instructionSet: InstructionSet = .best
    ) {
        self.tolerance = tolerance
        let names = a.columnNames + b.columnNames.filter { !a.columnNames.contains($0) }
        columns = names.map { name in
            let lengthA = a.withColumn(name) { $0.count }
            let lengthB = b.withColumn(name) { $0.count }
            let found = a.withColumn(name) { x in
                b.withColumn(name) { y in
                    let common = min(x.count, y.count)
                    return ColumnDifference(
                        UnsafeBufferPointer(rebasing: x[..<common]), UnsafeBufferPointer(rebasing: y[..<common]),
                        tolerance: tolerance, threads: threads, instructionSet: instructionSet, memory: .mappedFile)
                }
            }
            return Column(name: name, lengthA: lengthA, lengthB: lengthB, found: found ?? nil)
        }
    }

    public var answer: TableDiff.Answer { columns.allSatisfy(\.isSame) ? .same : .different }
}

extension ColumnsDiff: Encodable {
    enum CodingKeys: String, CodingKey { case schemaVersion, answer, tolerance, columns }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(TableDiff.schemaVersion, forKey: .schemaVersion)
        try container.encode(answer.name, forKey: .answer)
        try container.encode(tolerance, forKey: .tolerance)
        try container.encode(columns, forKey: .columns)
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension ColumnsDiff.Column: Encodable {
    enum CodingKeys: String, CodingKey { case name, lengthA, lengthB, differing, maximum, sum, first }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(lengthA, forKey: .lengthA)
        try container.encode(lengthB, forKey: .lengthB)
        try container.encode(found?.differing, forKey: .differing)
        try container.encode(found?.maximum, forKey: .maximum)
        // As text: the sum may need 128 bits.
        try container.encode(found.map { "\($0.sum)" }, forKey: .sum)
        try container.encode(found?.first, forKey: .first)
    }
}

extension ColumnsDiff {
    /// The comparison if both paths are files of raw columns; nil if neither is.
    public static func ofRawFiles(_ a: String, _ b: String, tolerance: Tolerance, threads: Int)
        throws(CountsFileError) -> ColumnsDiff?
    {
        let left = try CountsFile.raw(a)
        let right = try CountsFile.raw(b)
        switch (left, right) {
        case (let left?, let right?): return ColumnsDiff(left, right, tolerance: tolerance, threads: threads)
        case (nil, nil): return nil
        case (_?, nil): throw CountsFileError(path: a, problem: .noTable)
        case (nil, _?): throw CountsFileError(path: b, problem: .noTable)
        }
    }
}

extension CountsFile {
    /// The file if it holds raw columns; nil if it holds a table, in whatever form.
    fileprivate static func raw(_ path: String) throws(CountsFileError) -> CountsFile? {
        do {
            let file = try CountsFile(path)
            return file.kind == .rawColumns ? file : nil
        } catch  where error.problem == .notCounts {
            return nil
        }
    }
}
