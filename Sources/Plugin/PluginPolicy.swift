import CPolicy
import Glibc
import PMU
import Policy

/// A policy in a shared object, run in a process of its own (`vpmu_policy.h` is its side of the agreement).
///
/// What it answers is checked against the laws before anybody acts on it. A policy that crashes, breaks a law, does
/// what it may not or answers too late is killed, and every later operation fails as the first did.
public final class PluginPolicy: ExternalPolicy {
    public let name: String
    private let path: String
    private let descriptor: Int32
    private let pid: pid_t
    private let milliseconds: Int32
    private let pcpus: Int
    private var checker: LawChecker<Silence>
    private var eventCount = 0
    private var failure: PolicyFailure?
    /// Bit n: the policy hears operation n of those it need not hear.
    private var optional: UInt32 = 0
    private var lastRotates: [UInt8] = []

    private struct Silence: PMUSink {}

    /// Starts the policy.
    ///
    /// - Parameters:
    ///   - path: the shared object.
    ///   - executable: the vpmu program, which runs the policy when called with `policy-host PATH`.
    ///   - milliseconds: how long one operation may take.
    /// - Throws: `PolicyFailure` if it cannot be loaded, speaks another version or cannot work on this PMU.
    public init(
        path: String, executable: String = "/proc/self/exe", pcpus: Int, limits: PMULimits, rules: PolicyRules,
        milliseconds: Int32 = 2000
    ) throws(PolicyFailure) {
        var pid: pid_t = 0
        var descriptor: Int32 = -1
        let error = vpmu_policy_spawn(executable, path, &pid, &descriptor)
        guard error == 0 else {
            throw PolicyFailure(
                policy: path, operation: nil, reason: "cannot start \(executable): \(String(cString: strerror(error)))")
        }
        self.path = path
        self.pid = pid
        self.descriptor = descriptor
        self.milliseconds = milliseconds
        self.pcpus = pcpus
        checker = LawChecker(
            pcpus: pcpus, gp: limits.gp, fixed: limits.fixed, rules: rules, base: Silence())
        let hello: vpmu_wire_hello
        do {
            hello = try PluginPolicy.hello(descriptor, milliseconds)
        } catch {
            let reason = PluginPolicy.end(error, pid, descriptor, milliseconds)
            throw PolicyFailure(policy: path, operation: nil, reason: reason)
        }
        let text = PluginPolicy.text(of: hello)
        if let reason = PluginPolicy.objection(hello, text) {
            _ = PluginPolicy.end(.refused, pid, descriptor, milliseconds)
            name = path
            throw PolicyFailure(policy: path, operation: nil, reason: reason)
        }
        name = text
        optional = hello.optional
        var request = vpmu_wire_request()
        request.operation = VPMU_WIRE_CREATE.rawValue
        request.pmu = vpmu_pmu(
            size: UInt32(MemoryLayout<vpmu_pmu>.size), pcpus: UInt32(pcpus), gp: UInt32(limits.gp),
            fixed: UInt32(limits.fixed), gpmax: UInt32(limits.gpmax))
        let reply = try exchange(request, during: nil)
        if reply.result == 0 {
            throw fail(.refused, during: nil, reason: "cannot work on \(pcpus) pCPUs with \(limits.gp) GP counters")
        }
    }

    deinit {
        if failure == nil { _ = PluginPolicy.end(.refused, pid, descriptor, milliseconds) }
    }

    public func perform(_ operation: PolicyOperation) throws(PolicyFailure) -> PolicyAnswer {
        if let failure { throw failure }
        let request = PluginPolicy.request(operation)
        if request.operation >= VPMU_WIRE_OVERFLOW.rawValue, optional >> request.operation & 1 == 0 {
            return PolicyAnswer(rotates: lastRotates)
        }
        tell(operation)
        let reply = try exchange(request, during: operation)
        lastRotates = reply.rotates
        for step in reply.steps {
            if case .period(let event, _) = step, !(0..<eventCount).contains(event) {
                throw fail(.refused, during: operation, reason: "names event \(event), which does not exist")
            }
            checker.hear(step)
        }
        if case .loadGuest(let pcpu, let vcpu) = operation {
            checker.guestLoaded(pcpu: pcpu, vcpu: vcpu, counters: 0)
        }
        checker.endOperation()
        if let violation = checker.violations.first {
            throw fail(.refused, during: operation, reason: violation.description)
        }
        if case .create = operation {
            return PolicyAnswer(
                steps: reply.steps, rotates: reply.rotates, refusal: Refusal.Reason(errno: reply.result))
        }
        return PolicyAnswer(steps: reply.steps, goesOn: reply.result != 0, rotates: reply.rotates)
    }

    /// What the checker must know of an operation before it hears the answer.
    private func tell(_ operation: PolicyOperation) {
        switch operation {
        case .create(let event, let spec, let leader):
            checker.created(event: event, spec: spec)
            if leader != event { checker.grouped(event: event, leader: leader) }
            eventCount += 1
        case .enable(let event): checker.enabling(event: event)
        case .putGuest(let pcpu): checker.guestPut(pcpu: pcpu, vcpu: 0, counters: 0)
        default: break
        }
    }

    private struct Reply {
        var result: UInt32
        var steps: [PolicyStep]
        var rotates: [UInt8]
    }

    private func exchange(
        _ request: vpmu_wire_request, during operation: PolicyOperation?
    ) throws(PolicyFailure) -> Reply {
        do {
            let error = withUnsafeBytes(of: request) { vpmu_policy_send(descriptor, $0.baseAddress, $0.count) }
            if error != 0 { throw Trouble.gone }
            let clock = Deadline(milliseconds: milliseconds)
            let header: vpmu_wire_reply = try PluginPolicy.receive(descriptor, clock)
            guard header.magic == VPMU_WIRE_MAGIC, header.steps <= VPMU_WIRE_MAX_STEPS, header.pcpus == UInt32(pcpus)
            else { throw Trouble.nonsense }
            var steps: [PolicyStep] = []
            for _ in 0..<header.steps {
                let step: vpmu_wire_step = try PluginPolicy.receive(descriptor, clock)
                guard let step = PolicyStep(step) else { throw Trouble.nonsense }
                steps.append(step)
            }
            var rotates = [UInt8](repeating: 0, count: pcpus)
            try rotates.withUnsafeMutableBytes { try PluginPolicy.receive(descriptor, clock, into: $0) }
            return Reply(result: header.result, steps: steps, rotates: rotates)
        } catch let trouble as Trouble {
            throw fail(trouble, during: operation, reason: nil)
        } catch {
            throw fail(.nonsense, during: operation, reason: nil)
        }
    }

    /// Ends the policy, for good.
    private func fail(_ trouble: Trouble, during operation: PolicyOperation?, reason: String?) -> PolicyFailure {
        let ending = PluginPolicy.end(trouble, pid, descriptor, milliseconds)
        let failure = PolicyFailure(
            policy: name == path ? path : "\(name) (\(path))", operation: operation, reason: reason ?? ending)
        self.failure = failure
        return failure
    }
}

/// The PMU that a policy is to schedule.
public struct PMULimits: Sendable, Equatable {
    public var gp: Int
    public var fixed: Int
    public var gpmax: Int

    public init(gp: Int, fixed: Int, gpmax: Int? = nil) {
        self.gp = gp
        self.fixed = fixed
        self.gpmax = gpmax ?? gp
    }

    public init(model: ProcessorModel) { self.init(gp: model.gp, fixed: model.fixed) }
}
