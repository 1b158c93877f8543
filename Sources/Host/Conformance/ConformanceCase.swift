/// One line of a conformance file: a question that the kernel's own code answered.
///
/// Two shapes are told apart by their keys. *Assignment* cases ask the constraint solver alone; *scheduling* cases
/// play operations on one pCPU and give the state of every event after each, and the register accesses made.
enum ConformanceCase: Decodable {
    case assignment(AssignmentCase)
    case scheduling(SchedulingCase)

    private enum Keys: CodingKey { case constraints, steps }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: Keys.self)
        if keys.contains(.steps) {
            self = .scheduling(try SchedulingCase(from: decoder))
        } else {
            self = .assignment(try AssignmentCase(from: decoder))
        }
    }
}

/// `perf_assign_events(constraints, n, wmin, wmax, gpmax, assign)`.
struct AssignmentCase: Decodable {
    struct Item: Decodable {
        var idxmsk: String
        var weight: Int
        var overlap: Int
        var pair: Int?
    }
    var gpmax: Int
    var constraints: [Item]
    var unsched: Int
    var assign: [Int]
    var note: String?
}

/// Operations on one pCPU with the kernel's state and traffic after each.
struct SchedulingCase: Decodable {
    struct PMUShape: Decodable {
        var flavor: String
        var gp: Int
        var fixed: Int
        var fullWidth: Int
        var gpmax: Int?

        private enum CodingKeys: String, CodingKey {
            case flavor, gp, fixed, gpmax
            case fullWidth = "full_width"
        }
    }
    struct Event: Decodable {
        var id: Int
        var task: Int
        var pinned: Int
        var leader: Int
        var idxmsk: String
        var config: String
        var excludeHost: Int
        var excludeGuest: Int
        var period: UInt64
        var name: String?

        private enum CodingKeys: String, CodingKey {
            case id, task, pinned, leader, idxmsk, config, period, name
            case excludeHost = "exclude_host"
            case excludeGuest = "exclude_guest"
        }
    }
    struct Step: Decodable {
        var op: String
        var state: [State]
        var rotate: [Int]?
        var msr: [Access]
    }
    struct State: Decodable, Equatable {
        var id: Int
        var letter: String
        var counter: Int

        init(id: Int, letter: String, counter: Int) {
            self.id = id
            self.letter = letter
            self.counter = counter
        }

        init(from decoder: any Decoder) throws {
            var items = try decoder.unkeyedContainer()
            id = try items.decode(Int.self)
            letter = try items.decode(String.self)
            counter = try items.decode(Int.self)
        }
    }
    struct Access: Decodable, Equatable {
        var letter: String
        var address: String
        var value: String

        init(letter: String, address: String, value: String) {
            self.letter = letter
            self.address = address
            self.value = value
        }

        init(from decoder: any Decoder) throws {
            var items = try decoder.unkeyedContainer()
            letter = try items.decode(String.self)
            address = try items.decode(String.self)
            value = try items.decode(String.self)
        }
    }
    var pmu: PMUShape
    var events: [Event]
    var steps: [Step]
}
