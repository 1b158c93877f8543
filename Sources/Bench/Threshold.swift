import Foundation

/// What a figure should reach: the file of thresholds maps names to these.
public struct Threshold: Codable, Equatable, Sendable {
    /// Which way is good.
    public enum Direction: String, Codable, Sendable { case atLeast, atMost }

    public var target: Double
    /// Below it (or above, for `atMost`) the figure is not accepted.
    public var floor: Double
    public var direction: Direction

    public init(target: Double, floor: Double, direction: Direction) {
        self.target = target
        self.floor = floor
        self.direction = direction
    }

    public enum Standing: String, Sendable {
        case reachesTarget = "target"
        case meetsFloor = "floor"
        case missesFloor = "below floor"
    }

    public func standing(of value: Double) -> Standing {
        let (reaches, meets) =
            direction == .atLeast ? (value >= target, value >= floor) : (value <= target, value <= floor)
        return reaches ? .reachesTarget : meets ? .meetsFloor : .missesFloor
    }

    /// Reads the file: a JSON object of names.
    public static func file(_ path: String) throws(BenchError) -> [String: Threshold] {
        do {
            return try JSONDecoder().decode(
                [String: Threshold].self, from: try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw BenchError("\(path): no file of thresholds (name: {target, floor, direction}): \(error)")
        }
    }
}

/// Why nothing could be measured: one line.
public struct BenchError: Error, Equatable, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
