/// Formats as a 6.18 kernel gives them, and records in them.
enum Tracepoints {
    static let common = """
        format:
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
        \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
        \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

        """

    static let kvmMSR: (id: UInt16, system: String, format: String) = (
        99, "kvm",
        "name: kvm_msr\nID: 99\n" + common + """
            \tfield:unsigned write;\toffset:8;\tsize:4;\tsigned:0;
            \tfield:u32 ecx;\toffset:12;\tsize:4;\tsigned:0;
            \tfield:u64 data;\toffset:16;\tsize:8;\tsigned:0;
            \tfield:u8 exception;\toffset:24;\tsize:1;\tsigned:0;

            print fmt: "msr_%s"
            """
    )
    static let writeMSR: (id: UInt16, system: String, format: String) = (
        2153, "msr",
        "name: write_msr\nID: 2153\n" + common + """
            \tfield:unsigned msr;\toffset:8;\tsize:4;\tsigned:0;
            \tfield:u64 val;\toffset:16;\tsize:8;\tsigned:0;
            \tfield:int failed;\toffset:24;\tsize:4;\tsigned:1;

            print fmt: "%x"
            """
    )
    static let schedSwitch: (id: UInt16, system: String, format: String) = (
        372, "sched",
        "name: sched_switch\nID: 372\n" + common + """
            \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
            \tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;
            \tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;
            \tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;
            \tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;
            \tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;
            \tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;

            print fmt: "%s"
            """
    )
    static let kvmPIO: (id: UInt16, system: String, format: String) = (
        110, "kvm", "name: kvm_pio\nID: 110\n" + common + "\tfield:unsigned rw;\toffset:8;\tsize:4;\tsigned:0;\n"
    )
    static let all = [kvmMSR, writeMSR, schedSwitch, kvmPIO]

    private static func head(_ id: UInt16, pid: Int32, flags: UInt8 = 0) -> ByteBuilder {
        var record = ByteBuilder()
        record.add(id)
        record.add(flags)
        record.add(UInt8(0))
        record.add(pid)
        return record
    }

    static func kvmMSR(
        pid: Int32 = 7, write: Bool = true, _ register: UInt32 = 0x186, _ data: UInt64 = 0x5300c0, fault: Bool = false
    ) -> [UInt8] {
        var record = head(kvmMSR.id, pid: pid)
        record.add(UInt32(write ? 1 : 0))
        record.add(register)
        record.add(data)
        record.add(UInt64(fault ? 1 : 0))
        return record.bytes
    }

    static func writeMSR(pid: Int32 = 7, _ register: UInt32 = 0x38f, _ value: UInt64 = 0, flags: UInt8 = 0) -> [UInt8] {
        var record = head(writeMSR.id, pid: pid, flags: flags)
        record.add(UInt64(register))
        record.add(value)
        record.add(UInt64(0))
        return record.bytes
    }

    static func schedSwitch(_ prev: String, _ prevPID: Int32, _ next: String, _ nextPID: Int32) -> [UInt8] {
        var record = head(schedSwitch.id, pid: prevPID)
        record.add(Array(prev.utf8) + [UInt8](repeating: 0, count: 16 - prev.utf8.count))
        record.add(prevPID)
        record.add(Int32(120))
        record.add(Int64(1))
        record.add(Array(next.utf8) + [UInt8](repeating: 0, count: 16 - next.utf8.count))
        record.add(nextPID)
        record.add(Int32(120))
        return record.bytes
    }

    static func kvmPIO(pid: Int32 = 7) -> [UInt8] {
        var record = head(kvmPIO.id, pid: pid)
        record.add(bytes(UInt32(1), 0x80, 1, 1, 0, 0))
        return record.bytes
    }

    /// The description that perf.data and trace.dat share, from its magic to the process names.
    static func tracingData(version: String, processes: String = "7 CPU 0/KVM\n") -> [UInt8] {
        var data = ByteBuilder()
        data.add([0x17, 0x08, 0x44])
        data.add(text: "tracing")
        data.add(zeroTerminated: version)
        data.add(UInt8(0))
        data.add(UInt8(8))
        data.add(UInt32(4096))
        data.add(headerInfo)
        data.add(UInt32(0))
        data.add(eventFormats)
        data.add(UInt32(0))
        data.add(UInt32(0))
        data.add(UInt64(processes.utf8.count))
        data.add(text: processes)
        return data.bytes
    }

    static var headerInfo: [UInt8] {
        var data = ByteBuilder()
        let page =
            "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
            + "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n"
        data.add(zeroTerminated: "header_page")
        data.add(UInt64(page.utf8.count))
        data.add(text: page)
        data.add(zeroTerminated: "header_event")
        data.add(UInt64(2))
        data.add(text: "#\n")
        return data.bytes
    }

    static var eventFormats: [UInt8] {
        var data = ByteBuilder()
        let systems = ["kvm", "msr", "sched"]
        data.add(UInt32(systems.count))
        for system in systems {
            let events = all.filter { $0.system == system }
            data.add(zeroTerminated: system)
            data.add(UInt32(events.count))
            for event in events {
                data.add(UInt64(event.format.utf8.count))
                data.add(text: event.format)
            }
        }
        return data.bytes
    }
}
