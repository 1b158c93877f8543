import CLinux
import Glibc
import Synchronization

/// A small real guest of KVM: vCPUs in 16-bit real mode that each play a program and note what became of it.
///
/// It exists so that recordings can be tested against something that knows the truth. Its memory is 1 MiB; its threads
/// are named `CPU n/KVM`, as QEMU names them. It needs `/dev/kvm` and nothing else.
///
/// A guest that has run can be run again: every vCPU starts from its program's first step, and notes are taken anew.
public final class Guest: Sendable {
    private let machine: Machine
    public let programs: [GuestProgram]

    /// Whether KVM gives the guest local APICs. With them only vCPU 0 starts by itself, so such a guest has but that
    /// one.
    public enum APIC: Sendable { case none, inKernel }

    /// Creates the VM with one vCPU a program.
    ///
    /// - Throws: `CaptureError.system` where KVM is missing, not permitted or refuses; `.usage` when the programs do
    ///   not fit.
    public init(programs: [GuestProgram], apic: APIC = .none) throws {
        guard !programs.isEmpty, programs.count <= GuestMemory.maximumVCPUs else {
            throw CaptureError.usage("a guest has 1 to \(GuestMemory.maximumVCPUs) vCPUs, not \(programs.count)")
        }
        guard apic == .none || programs.count == 1 else {
            throw CaptureError.usage("a guest with local APICs has one vCPU, not \(programs.count)")
        }
        let paragraphs = programs.reduce(0) { $0 + $1.steps.count + 1 }
        guard paragraphs <= GuestMemory.tableParagraphs else {
            throw CaptureError.usage(
                "the programs of all vCPUs have \(paragraphs) steps, of which a guest's memory holds "
                    + "\(GuestMemory.tableParagraphs)")
        }
        self.programs = programs
        machine = try Machine(programs: programs, apic: apic)
    }

    /// The same program on each of `vcpus` vCPUs.
    public convenience init(program: GuestProgram, vcpus: Int) throws {
        guard vcpus > 0 else { throw CaptureError.usage("a guest has at least one vCPU, not \(vcpus)") }
        try self.init(programs: Array(repeating: program, count: vcpus))
    }

    /// Whether this process may create guests here, and if not, why.
    public static func unavailability() -> CaptureError? {
        do {
            _ = try Guest(program: GuestProgram(steps: []), vcpus: 1)
            return nil
        } catch let error as CaptureError {
            return error
        } catch {
            return .usage("\(error)")
        }
    }

    /// Runs all vCPUs, each in its own thread, until every program has ended.
    ///
    /// - Returns: what each vCPU's guest code noted, in the order of the vCPUs.
    /// - Throws: `CaptureError.guestStopped` when KVM ends a vCPU for a reason that is not in its program.
    public func run() throws -> [GuestNotes] {
        let outcomes = Mutex<[Int: VCPUOutcome]>([:])
        let programs = programs
        let machine = machine
        machine.rewind(programs)
        var threads: [pthread_t] = []
        for index in programs.indices {
            let body = ThreadBody {
                let outcome = machine.play(index, programs[index])
                outcomes.withLock { $0[index] = outcome }
            }
            threads.append(try body.start())
        }
        for thread in threads { pthread_join(thread, nil) }
        return try programs.indices.map { index in
            switch outcomes.withLock({ $0[index] }) {
            case .finished(let thread): machine.notes(index, programs[index], thread: thread)
            case .failed(let error): throw error
            case nil: throw CaptureError.usage("vCPU \(index) was never run")
            }
        }
    }
}

enum VCPUOutcome: Sendable {
    case finished(thread: Int32)
    case failed(CaptureError)
}

/// A closure on its way into a new thread.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }

    func start() throws -> pthread_t {
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard code == 0 else { throw CaptureError.system(doing: "start a vCPU's thread", errno: code, remedy: nil) }
        return thread
    }
}
