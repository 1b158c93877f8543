import Testing
import Trace

@testable import Import

/// Which process a thread is of decides which vCPUs are one VM's: it is taken from where the input says it, and nowhere
/// else.
@Suite("whose threads an input's threads are")
struct ThreadIdentityTests {
    typealias Thread = TraceMetadata.ThreadIdentity

    private func processes(_ found: Imported) -> [Int32: Int32?] {
        Dictionary(found.metadata.threads.map { ($0.tid, $0.pid) }, uniquingKeysWith: { first, _ in first })
    }

    @Test("perf.data: each sample tells the process of its thread")
    func samples() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.kvmMSR(pid: 101, 0x186, 0), time: 1, process: 90, thread: 101)
        perf.sample(Tracepoints.kvmMSR(pid: 102, 0x186, 0), time: 2, process: 90, thread: 102)
        perf.sample(Tracepoints.kvmMSR(pid: 201, 0x186, 0), time: 3, process: 190, thread: 201)
        let found = try Imported(perf.file())
        #expect(processes(found).filter { $0.key > 7 } == [101: 90, 102: 90, 201: 190])
    }

    @Test("perf.data: a thread that is being reaped has no process any more, and keeps the one it had")
    func reaped() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.schedSwitch("CPU 0/KVM", 101, "a", 5), time: 1, process: 90, thread: 101)
        perf.sample(Tracepoints.schedSwitch("CPU 0/KVM", 101, "a", 5), time: 2, process: -1, thread: -1)
        #expect(processes(try Imported(perf.file()))[101] == 90)
    }

    @Test("perf.data: a fork tells the process of both threads")
    func forks() throws {
        var perf = PerfDataBuilder()
        perf.fork((pid: 90, tid: 101), of: (pid: 90, tid: 90))
        perf.fork((pid: 300, tid: 300), of: (pid: 90, tid: 101))
        perf.sample(Tracepoints.writeMSR(0x38f, 1), time: 1)
        #expect(processes(try Imported(perf.file())).filter { $0.key > 7 } == [90: 90, 101: 90, 300: 300])
    }

    @Test("perf.data: perf in a pid namespace numbers threads otherwise, so that it tells nothing of ours")
    func namespace() throws {
        var perf = PerfDataBuilder()
        perf.comm("CPU 0/KVM", pid: 2, tid: 3)
        for time in 1...10 as ClosedRange<UInt64> {
            perf.sample(Tracepoints.kvmMSR(pid: 3001, 0x186, 0), time: time, process: 2, thread: 3)
        }
        perf.sample(Tracepoints.kvmMSR(pid: 77, 0x186, 0), time: 20, process: 0, thread: 0)
        let found = try Imported(perf.file())
        #expect(found.metadata.threads == [])
        #expect(found.summary.notes.contains { $0.hasPrefix("perf ran in a pid namespace of its own") })
    }

    @Test("perf.data: the kernel's saved names alone tell no process")
    func savedNames() throws {
        var perf = PerfDataBuilder()
        perf.sample(Tracepoints.writeMSR(pid: 9, 0x38f, 1), time: 1, process: 9, thread: 9)
        #expect(
            try Imported(perf.file()).metadata.threads.contains(Thread(tid: 7, pid: nil, comm: "CPU 0/KVM", vcpu: 0)))
    }

    @Test("text of perf script -F pid,tid tells it, and without that it is unknown")
    func script() throws {
        let body = "[001]  1.0: kvm:kvm_msr: msr_write 186 = 0x0\n"
        let both = try Imported(text: "CPU 3/KVM  90/101   " + body + "CPU 3/KVM 190/201 " + body)
        #expect(
            both.metadata.threads == [
                Thread(tid: 101, pid: 90, comm: "CPU 3/KVM", vcpu: 3),
                Thread(tid: 201, pid: 190, comm: "CPU 3/KVM", vcpu: 3),
            ])
        let one = try Imported(text: "CPU 3/KVM 101 " + body)
        #expect(one.metadata.threads == [Thread(tid: 101, pid: nil, comm: "CPU 3/KVM", vcpu: 3)])
    }

    @Test("text of ftrace with its TGID column tells it, except where the column is empty or the name unknown")
    func ftrace() throws {
        let rows = [
            "       CPU 0/KVM-101     (     90) [001] d.... 1.0: kvm_entry: vcpu 0, rip 0x10",
            "           <...>-102     (     90) [001] d.... 1.1: kvm_entry: vcpu 1, rip 0x10",
            "       CPU 0/KVM-201     (-------) [001] d.... 1.2: kvm_entry: vcpu 0, rip 0x10",
        ]
        let found = try Imported(text: rows.joined(separator: "\n") + "\n")
        #expect(found.events.map(\.pid) == [101, 102, 201])
        #expect(
            found.metadata.threads == [
                Thread(tid: 101, pid: 90, comm: "CPU 0/KVM", vcpu: 0), Thread(tid: 102, pid: 90, comm: ""),
                Thread(tid: 201, pid: nil, comm: "CPU 0/KVM", vcpu: 0),
            ])
    }

    @Test("text of perf script --show-task-events tells processes and names")
    func taskEvents() throws {
        let rows = [
            "            perf    90 [001]   510.871581: PERF_RECORD_FORK(90:101):(90:90)",
            "            perf   101 [001]   510.871582: PERF_RECORD_COMM: CPU 1/KVM:90/101",
            "              sh   300 [-01]   510.871583: PERF_RECORD_COMM exec: sh:x:300/300",
            "             a 5 [001] 511.0: kvm:kvm_msr: msr_write 186 = 0x0",
        ]
        let found = try Imported(text: rows.joined(separator: "\n") + "\n")
        #expect(found.summary.taken(.kvmMSR) == 1)
        #expect(
            found.metadata.threads.filter { $0.tid > 5 } == [
                Thread(tid: 90, pid: 90, comm: ""), Thread(tid: 101, pid: 90, comm: "CPU 1/KVM", vcpu: 1),
                Thread(tid: 300, pid: 300, comm: "sh:x"),
            ])
    }

    @Test(
        "trace.dat: saved processes are taken, in either option that holds them", arguments: [8, 32] as [UInt16],
        TraceDatTests.Form.allCases)
    func savedProcesses(_ option: UInt16, _ form: TraceDatTests.Form) throws {
        var builder = TraceDatTests.recording
        builder.options = [(option, Array("7 5\n101 90\nx y\n102 0\n".utf8) + [0])]
        let found = try Imported(form.bytes(builder))
        #expect(
            found.metadata.threads == [
                Thread(tid: 7, pid: 5, comm: "CPU 0/KVM", vcpu: 0), Thread(tid: 101, pid: 90, comm: ""),
            ])
    }

    @Test("trace.dat: the number of CPUs, in the same option, is no list of processes")
    func numberOfCPUs() throws {
        var builder = TraceDatTests.recording
        builder.options = [(8, bytes(UInt32(2)))]
        #expect(try Imported(builder.version7(compressed: false)).metadata.threads.map(\.pid) == [nil])
    }

    @Test("trace.dat: a guest that was recorded beside the host names its VM and the thread of each vCPU")
    func guests() throws {
        var builder = TraceDatTests.recording
        let pairs = bytes(UInt32(3)) + bytes(Int32(0), 101, 1, 102, 2, -1)
        builder.options = [(13, Array("db-7".utf8) + [0] + bytes(UInt64(0x1234)) + pairs)]
        let found = try Imported(builder.version6())
        #expect(
            found.metadata.threads.filter { $0.tid > 7 } == [
                Thread(tid: 101, pid: nil, comm: "", vm: "db-7", vcpu: 0),
                Thread(tid: 102, pid: nil, comm: "", vm: "db-7", vcpu: 1),
            ])
    }

    @Test(
        "only a whole number that KVM gives names a vCPU",
        arguments: [
            "CPU -1/KVM", "CPU +1/KVM", "CPU 1 /KVM", "CPU /KVM", "CPU 99999/KVM", "CPU 99999999999999999999/KVM",
        ])
    func notVCPUs(_ name: String) throws {
        let found = try Imported(text: "\(name) 77 [001] 1.0: kvm:kvm_msr: msr_write 186 = 0x0\n")
        #expect(found.metadata.threads.map(\.vcpu) == [nil])
    }
}
