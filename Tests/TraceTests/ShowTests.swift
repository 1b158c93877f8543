import FoundationEssentials
import Testing

@testable import Trace

@Suite("What a trace is shown as")
struct ShowTests {
    private func dump(_ path: String, _ format: TraceDump.Format) throws -> [String] {
        var bytes: [UInt8] = []
        var dump = TraceDump(try TraceReader(path: path), format: format)
        try dump.run { bytes.append(contentsOf: $0) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static let events: [TraceEvent] = [
        .schedSwitch(
            time: 1_000_000_001, pcpu: 2, prev: 0, next: 77, prevComm: 0, nextComm: 1, prevPrio: 120, nextPrio: 98),
        .kvmExit(
            time: 1_000_000_100, pcpu: 2, pid: 77, vcpu: 3, reason: 32, rip: 0xFFFF_FFFF_8100_0000, isa: 1),
        .kvmMSR(time: 1_000_000_200, pcpu: 2, pid: 77, write: true, register: 0x186, data: 0x5300C0),
        .kvmMSR(time: 1_000_000_300, pcpu: 2, pid: 77, write: false, register: 0xC1, data: 0, exception: true),
        .host(.writeMSR, time: 1_000_000_400, pcpu: 2, pid: 77, flags: 0x40, register: 0x38F, value: .max),
        .host(.rdpmc, time: 1_000_000_500, pcpu: 2, pid: 77, register: 0x4000_0001, value: 12, failed: true),
        .kvmEntry(time: 1_000_000_600, pcpu: 2, pid: 77, vcpu: 3, rip: 0x1000),
        .schedSwitch(
            time: 1_000_000_700, pcpu: 2, prev: 77, next: 0, prevState: 0x101, prevComm: 1, nextComm: 0, prevPrio: 98,
            nextPrio: 120),
    ]

    private func sample() throws -> ScratchDirectory {
        let scratch = ScratchDirectory()
        try write(
            Self.events, to: scratch.file(),
            lost: [.init(pcpu: 2, kind: .rdpmc, count: 5, earliest: 1_000_000_450, latest: 1_000_000_460)],
            comms: ["swapper/2", "CPU 3/KVM"])
        return scratch
    }

    @Test("text is what perf script prints")
    func text() throws {
        let scratch = try sample()
        #expect(
            try dump(scratch.file(), .text) == [
                "       swapper/2       0 [002]     1.000000001:   sched:sched_switch: prev_comm=swapper/2 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=CPU 3/KVM next_pid=77 next_prio=98",
                "       CPU 3/KVM      77 [002]     1.000000100:         kvm:kvm_exit: vcpu 3 reason MSR_WRITE rip 0xffffffff81000000 info1 0x0 info2 0x0",
                "       CPU 3/KVM      77 [002]     1.000000200:          kvm:kvm_msr: msr_write 186 = 0x5300c0",
                "       CPU 3/KVM      77 [002]     1.000000300:          kvm:kvm_msr: msr_read c1 = 0x0 (#GP)",
                "       CPU 3/KVM      77 [002]     1.000000400:        msr:write_msr: 38f, value ffffffffffffffff # nmi",
                "# lost 5 records of msr:rdpmc on pCPU 2 between 1.000000450 and 1.000000460",
                "       CPU 3/KVM      77 [002]     1.000000500:            msr:rdpmc: 40000001, value c #GP",
                "       CPU 3/KVM      77 [002]     1.000000600:        kvm:kvm_entry: vcpu 3, rip 0x1000 intr_info 0x0 error_code 0x0",
                "       CPU 3/KVM      77 [002]     1.000000700:   sched:sched_switch: prev_comm=CPU 3/KVM prev_pid=77 prev_prio=98 prev_state=S+ ==> next_comm=swapper/2 next_pid=0 next_prio=120",
            ])
    }

    @Test("JSON has one object a line, with every field exact")
    func json() throws {
        let scratch = try sample()
        let lines = try dump(scratch.file(), .json)
        #expect(lines.count == 9)
        #expect(
            lines[2]
                == #"{"t":1000000200,"pcpu":2,"pid":77,"event":"kvm_msr","flags":0,"register":390,"write":true,"data":5439680,"exception":false}"#
        )
        #expect(
            lines[4]
                == #"{"t":1000000400,"pcpu":2,"pid":77,"event":"write_msr","flags":64,"register":911,"value":18446744073709551615,"failed":false}"#
        )
        #expect(
            lines[5]
                == #"{"t":1000000450,"pcpu":2,"event":"lost","tracepoint":"rdpmc","count":5,"earliest":1000000450,"latest":1000000460}"#
        )
        #expect(
            lines[8]
                == #"{"t":1000000700,"pcpu":2,"pid":77,"event":"sched_switch","flags":0,"prevComm":"CPU 3/KVM","prevPid":77,"prevPrio":98,"prevState":257,"nextComm":"swapper/2","nextPid":0,"nextPrio":120}"#
        )
    }

    @Test("every line of random events is JSON")
    func randomJSON() throws {
        let scratch = ScratchDirectory()
        try write(RandomEvents.wild(500, pcpus: 3, seed: 4), to: scratch.file(), comms: ["\"\\\n\u{1}é"])
        for line in try dump(scratch.file(), .json) {
            #expect(throws: Never.self) { try JSONDecoder().decode([String: JSONValue].self, from: Data(line.utf8)) }
        }
    }

    @Test("info counts records, accesses, loss and vCPUs")
    func info() throws {
        let scratch = try sample()
        let info = try TraceInfo(TraceReader(path: scratch.file()))
        #expect(info.records[.kvmMSR] == 2 && info.records[.schedSwitch] == 2 && info.records[.readMSR] == 0)
        #expect(
            info.accesses == [
                .init(register: 0xC1, direction: .read, exception: true, count: 1),
                .init(register: 0x186, direction: .write, exception: false, count: 1),
            ])
        #expect(info.lost.total == 5 && info.lost.byCPU == [2: 5] && info.lost.byTracepoint == [.rdpmc: 5])
        #expect(info.vcpus.map(\.vcpu) == [3] && info.vcpus[0].source == .transitions)
        #expect(info.unattributed == 0 && info.isComplete)
    }

    @Test("info --json has the keys of its schema")
    func infoJSON() throws {
        let scratch = try sample()
        let text = try TraceInfo(TraceReader(path: scratch.file())).json()
        let object = try JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8))
        for key in [
            "schemaVersion", "path", "size", "formatVersion", "complete", "damage", "blocks", "pcpus", "events",
            "records",
            "accesses", "capped", "lost", "vcpus", "unattributed", "unattributedThreads", "blindSpots", "metadata",
        ] {
            #expect(object[key] != nil, "\(key)")
        }
        guard case .object(let records)? = object["records"] else {
            Issue.record("records is no object")
            return
        }
        #expect(Set(records.keys) == Set(EventKind.allCases.map(\.tracepoint)))
    }

    @Test("threads that nothing names are unattributed, those with a vCPU's name are not")
    func unattributed() throws {
        let scratch = ScratchDirectory()
        let events: [TraceEvent] = [
            .kvmMSR(time: 1, pcpu: 0, pid: 5, write: true, register: 0x186, data: 0),
            .schedSwitch(time: 2, pcpu: 0, prev: 5, next: 6, prevComm: 0, nextComm: 1),
            .kvmMSR(time: 3, pcpu: 0, pid: 6, write: true, register: 0x186, data: 0),
            .kvmMSR(time: 4, pcpu: 0, pid: 7, write: true, register: 0x186, data: 0),
            .kvmMSR(time: 5, pcpu: 0, pid: 7, write: true, register: 0x186, data: 0),
        ]
        let writer = try TraceWriter(path: scratch.file(), metadata: metadata())
        for comm in ["worker", "CPU 1/KVM"] { _ = writer.comm(comm) }
        for event in events { try writer.append(event) }
        writer.metadata.threads = [.init(tid: 7, pid: 4, comm: "CPU 0/KVM", vm: "web", vcpu: 0)]
        try writer.finish()
        let info = try TraceInfo(TraceReader(path: scratch.file()))
        #expect(info.unattributed == 1 && info.unattributedThreads == [5])
        #expect(info.vcpus.map(\.thread) == [6, 7] && info.vcpus.map(\.vcpu) == [1, 0])
        #expect(info.vcpus.map(\.source) == [.threadName, .recorder] && info.vcpus[1].vm == "web")
    }
}

/// Any JSON.
enum JSONValue: Decodable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let array = try? value.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try value.decode([String: JSONValue].self))
        }
    }
}
