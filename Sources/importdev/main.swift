import Import
import Trace
let args = Array(CommandLine.arguments.dropFirst())
for path in args where !path.hasPrefix("--") {
    do {
        let (buffer, s, meta) = try Importer().run(try ImportInput(path: path)) { TraceBuffer(metadata: $0) }
        print("==", path.split(separator: "/").last!, s.form, "taken", s.takenTotal)
        for c in s.taken { print("   ", c.name, c.records) }
        print("    exceptions", buffer.events.filter { $0.kind == .kvmMSR && $0.raisedException }.count)
        print("    others", s.others.map { "\($0.name) \($0.records)" }.joined(separator: ", "))
        if !s.notUnderstood.isEmpty { print("    not understood", s.notUnderstood.map { "\($0.name) \($0.records)" }.joined(separator: ", ")) }
        print("    lost", s.lost, s.lostUncounted, "records", buffer.lost.count, buffer.lost.first as Any)
        for n in s.notes { print("    note:", n) }
        for d in s.damage { print("    ", d) }
        let m = meta
        print("    meta", m.tool, m.kernel as Any, m.hostName as Any, m.clock, m.processor as Any, m.topology.count, m.threads.count, m.formats.keys.sorted(), m.tracepoints)
        if args.contains("--dump") {
            for e in buffer.events { 
              if e.kind == .schedSwitch { print(e.time, e.pcpu, e.pid, e.kind.tracepoint, e.flags, e.nextPID, e.value, buffer.comms[Int(e.prevComm)], buffer.comms[Int(e.nextComm)], e.value3) }
              else { print(e.time, e.pcpu, e.pid, e.kind.tracepoint, e.flags, String(e.a, radix: 16), e.b, String(e.value, radix: 16), e.value2, e.value3, e.isa) } }
        }
    } catch { print("==", path, "ERROR", error) }
}
