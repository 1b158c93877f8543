import Host
import PMU
import Policy
import Testing

/// What a policy's knobs change about a guest, from its accesses to the scheduler's steps.
@Suite("What a policy changes about a guest")
struct GuestRulesTests {
    static let watchdog = Demand.HostEvent(
        name: "watchdog", config: 0x3003c, priority: .pinned, scope: .pcpu(0), samplePeriod: 1_000_000)

    static func rules(_ change: (inout PolicyRules) -> Void) -> PolicyRules {
        var rules = PolicyRules.emulated
        change(&rules)
        return rules
    }

    static let ultimate = rules {
        $0.guest.priority = .ultimate
        $0.pinnedMisfit = .retryAtSchedIn
    }

    @Test("an ultimate guest displaces the host's pinned events, and they return when it is switched out")
    func ultimate() {
        let event = Demand.HostEvent(name: "agent", config: 0x301c0, priority: .pinned, scope: .pcpu(0))
        var host = TestHost(rules: Self.ultimate, hostEvents: [event])
        host.apply(.hostInstall(event: 0))
        host.run()
        _ = host.take()
        host.write(0x186, 0x4301c0)
        host.enter()
        #expect(
            host.take() == [
                "believes v0 1", "create v0.gp0 1301c0", "stop host0 gp1", "error host0", "start v0.gp0 gp1",
            ])
        host.exit()
        host.sleep()
        #expect(host.take() == ["stop v0.gp0 gp1", "start host0 gp1"])
    }

    @Test("without retrying, what an ultimate guest displaced stays in ERROR")
    func ultimateSticky() {
        let event = Demand.HostEvent(name: "agent", config: 0x301c0, priority: .pinned, scope: .pcpu(0))
        var host = TestHost(rules: Self.rules { $0.guest.priority = .ultimate }, hostEvents: [event])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x186, 0x4301c0)
        host.enter()
        host.exit()
        _ = host.take()
        host.sleep()
        #expect(host.take() == ["stop v0.gp0 gp1"])
    }

    @Test("under exact choice virtual counter M is physical counter M, whatever the event prefers")
    func exact() {
        var host = TestHost(rules: Self.rules { $0.guest.choice = .exact })
        host.run()
        host.write(0x187, 0x4300c0)
        host.write(0x38d, 0xb0)
        host.write(0x38f, 0x2_0000_000f)
        host.enter()
        #expect(host.take().suffix(2) == ["start v0.gp1 gp1", "start v0.fixed1 fixed1"])
    }

    @Test("a request for a counter the host does not have faults where the policy tells so, and is refused by name")
    func fault() {
        var shape = GuestPMUShape(host: .skylakeSP)
        shape.gp = 8
        let rules = Self.rules {
            $0.guest.choice = .exact
            $0.guest.telling = .fault
        }
        var host = TestHost(rules: rules, kvm: KVMRules(guest: shape))
        host.run()
        #expect(host.write(0x18a, 0x4300c0) == .fault)
        #expect(host.read(0x18a) == .value(0))
        #expect(host.machine.scheduler.sink.refusals.map(\.reason) == [.invalid])
        #expect(host.write(0x189, 0x4300c0) == .written)
        #expect(host.write(0x18a, 0x0300c0) == .written)
    }

    @Test("flexible guests wait behind the host's flexible events and take turns with them")
    func fair() {
        let rules = Self.rules {
            $0.guest.priority = .flexible
            $0.flexibleOrder = .takesTurns
        }
        let event = Demand.HostEvent(name: "agent", config: 0x301c0, priority: .flexible, scope: .pcpu(0))
        var host = TestHost(rules: rules, hostEvents: [event])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x186, 0x4301c0)
        host.enter()
        #expect(host.take().suffix(2) == ["believes v0 1", "create v0.gp0 1301c0"])
        host.apply(.rotationTick)
        #expect(host.take() == ["stop host0 gp1", "start v0.gp0 gp1"])
        host.apply(.rotationTick)
        #expect(host.take() == ["stop v0.gp0 gp1", "start host0 gp1"])
    }

    @Test("split counters: the guest sees as many as it owns, and neither side takes the other's")
    func split() {
        let rules = Self.rules {
            $0.guest.telling = .hideCounter
            $0.reservations = [
                Reservation(
                    host: CounterShare([.lowerHalfOfGP, .fixed(1...1)]),
                    guests: CounterShare([.upperHalfOfGP, .fixed(0...0), .fixed(2...2)]))
            ]
        }
        let event = Demand.HostEvent(name: "agent", config: 0x300c4, priority: .pinned, scope: .pcpu(0))
        var host = TestHost(rules: rules, hostEvents: [event, event, event])
        for number in 0..<3 { host.apply(.hostInstall(event: Int32(number))) }
        let shape = host.machine.virtualPMU(vcpu: 0).shape
        #expect((shape.gp, shape.fixed) == (2, 1))
        #expect(host.take().filter { $0.hasPrefix("error") } == ["error host2"])
        host.run()
        host.write(0x186, 0x4300c4)
        host.write(0x187, 0x4300c4)
        #expect(host.write(0x188, 0x4300c4) == .fault)
        host.enter()
        #expect(host.take().filter { $0.hasPrefix("start v0") }.last == "start v0.gp1 gp3")
    }

    @Test("a counter in use at power-on is not to be had, its event select says so, and only a guest that looks knows")
    func freeAtPowerOn() {
        for heeding in [GuestRules.Heeding.none, .evtsel] {
            let rules = Self.rules {
                $0.guest.priority = .ultimate
                $0.guest.choice = .exact
                $0.guest.availability = .freeAtPowerOn
                $0.guest.telling = .evtselNonzero
                $0.guest.heeding = heeding
            }
            let event = Demand.HostEvent(name: "firmware", config: 0x300c4, priority: .pinned, scope: .pcpu(0))
            var host = TestHost(rules: rules, hostEvents: [event])
            // Created before, powered on after: what counts is what is in use when a vCPU first runs.
            host.apply(.vmCreate(vm: 0))
            host.apply(.hostInstall(event: 0))
            host.run()
            #expect(host.read(0x186) == .value(0x3c))
            #expect(host.read(0x187) == .value(0))
            _ = host.take()
            host.write(0x186, 0x4300c4)
            host.write(0x187, 0x4300c4)
            host.enter()
            let believed = heeding == .evtsel ? ["believes v0 2"] : ["believes v0 1", "believes v0 3"]
            let steps = host.take().filter { !$0.contains("host0") }
            #expect(steps == believed + ["create v0.gp1 1300c4", "start v0.gp1 gp1"])
        }
    }

    @Test("a guest that reads GLOBAL_INUSE does without a counter it cannot have; one that does not look believes")
    func inuse() {
        for heeding in [GuestRules.Heeding.none, .inuse] {
            let rules = Self.rules {
                $0.guest.telling = .inuse
                $0.guest.heeding = heeding
            }
            let event = Demand.HostEvent(name: "agent", config: 0x301c0, priority: .pinned, scope: .pcpu(0))
            var host = TestHost(rules: rules, hostEvents: [event])
            host.apply(.hostInstall(event: 0))
            host.run()
            host.write(0x186, 0x4301c0)
            host.enter()
            #expect(host.machine.guestEnabled(vcpu: 0) == (heeding == .inuse ? 0 : 1))
            host.exit()
            host.write(0x186, 0x4300c4)
            host.enter()
            #expect(host.machine.guestEnabled(vcpu: 0) == 1)
        }
    }

    @Test("rules of a single VM: one has no PMU, the other is emulated")
    func perVM() {
        var rules = PolicyRules.emulated
        rules.overrides["dark"] = GuestRules(access: .none)
        let actors = Demand.Actors(
            pcpus: 1, vms: [.init(name: "dark"), .init(name: "web")],
            vcpus: [.init(vm: 0, index: 0, thread: 1), .init(vm: 1, index: 0, thread: 2)])
        var machine = HostMachine(model: .skylakeSP, rules: rules, actors: actors, sink: StepLog())
        func write(_ vcpu: Int32) -> GuestAnswer {
            machine.apply(
                DemandOperation(
                    time: 0, pcpu: 0, kind: .guestWrite(vcpu: vcpu, register: 0x18a, value: 0x4300c0, faulted: false)))
        }
        #expect(machine.virtualPMU(vcpu: 0).shape.gp == 0)
        #expect(machine.virtualPMU(vcpu: 1).shape.gp == 4)
    }

    @Test("a mediated VM beside an emulated one: only the first is loaded, and only it makes the host refuse")
    func mediatedBesideEmulated() {
        var rules = PolicyRules.emulated
        rules.hostVisibility = .refuses
        rules.overrides["trusted"] = GuestRules(access: .mediated)
        let actors = Demand.Actors(
            pcpus: 1, vms: [.init(name: "web"), .init(name: "trusted")],
            vcpus: [.init(vm: 0, index: 0, thread: 1), .init(vm: 1, index: 0, thread: 2)],
            hostEvents: [Self.watchdog])
        var machine = HostMachine(model: .iceLakeSP, rules: rules, actors: actors, sink: StepLog())
        machine.apply(DemandOperation(time: 0, pcpu: 0, kind: .guestEnter(vcpu: 0)))
        #expect(machine.scheduler.loadedGuest(pcpu: 0) == nil)
        machine.apply(DemandOperation(time: 0, pcpu: 0, kind: .guestEnter(vcpu: 1)))
        #expect(machine.scheduler.loadedGuest(pcpu: 0) == 1)
        machine.apply(DemandOperation(time: 0, pcpu: 0, kind: .hostInstall(event: 0)))
        #expect(machine.scheduler.sink.refusals.map(\.reason) == [.notSupported])
    }

    @Test("ceded for the time slice: the PMU changes hands with the thread, not with exits")
    func timeSlice() {
        var rules = PolicyRules.mediated
        rules.guest.handover = .timeSlice
        var host = TestHost(.iceLakeSP, rules: rules)
        host.apply(.vmCreate(vm: 0))
        host.run()
        #expect(host.take() == ["load v0 0"])
        host.enter()
        host.exit()
        #expect(host.take() == [])
        host.sleep()
        #expect(host.take() == ["put v0"])
    }

    @Test("a blinded host refuses nobody; its events do not see guests")
    func blinded() {
        var rules = PolicyRules.mediated
        rules.hostVisibility = .blinded
        var host = TestHost(.iceLakeSP, rules: rules, hostEvents: [Self.watchdog])
        host.apply(.hostInstall(event: 0))
        host.apply(.vmCreate(vm: 0))
        host.enter()
        #expect(host.machine.scheduler.sink.refusals == [])
        let event = host.machine.hostEvent(0)
        #expect(event.map { host.machine.scheduler.spec(of: $0).exclusion } == .guest)
    }

    @Test("a policy's event filter and its socket-level events keep a counter from counting, and the guest believes on")
    func filters() {
        let filtered = Self.rules { $0.guest.filter = EventFilterRule(action: .deny, entries: [0x00c4]) }
        let socket = Self.rules { $0.guest.socketEvents = .socketOwners }
        let owner = Self.rules {
            $0.guest.socketEvents = .socketOwners
            $0.guest.socket = .owned
        }
        for (rules, config, counts) in [
            (filtered, 0x4300c4, false), (filtered, 0x4300c5, true), (socket, 0x43412e, false),
            (socket, 0x4300c4, true), (owner, 0x43412e, true),
        ] as [(PolicyRules, UInt64, Bool)] {
            var host = TestHost(rules: rules)
            host.run()
            host.write(0x186, config)
            host.enter()
            #expect(host.machine.guestEnabled(vcpu: 0) == 1)
            #expect((host.machine.event(vcpu: 0, counter: .gp(0)) != nil) == counts)
        }
    }

    @Test("a masked filter entry that this vendor cannot have refuses the VM, as the ioctl would")
    func badFilter() {
        let rules = Self.rules {
            $0.guest.filter = EventFilterRule(action: .deny, encoding: .masked, entries: [0x1_0000_0000])
        }
        var host = TestHost(rules: rules)
        host.apply(.vmCreate(vm: 0))
        #expect(host.machine.scheduler.sink.refusals == [Refusal(party: .vm(0), reason: .invalid)])
    }

    @Test("under hardware ids a Zen 2 guest's 077d becomes ff60, under raw ids it stays")
    func eventNames() {
        for (names, config) in [(GuestRules.EventNames.hardwareID, "13ff60"), (.raw, "13077d"), (.asTraced, "13077d")] {
            var host = TestHost(.zen2, rules: Self.rules { $0.guest.eventNames = names })
            host.run()
            host.write(0xc001_0200, 0x43077d)
            host.enter()
            #expect(host.take().contains("create v0.gp0 \(config)"))
        }
    }

    @Test("first come, first served: a pinned newcomer does not displace what is on")
    func firstCome() {
        let first = Demand.HostEvent(name: "a", config: 0x301c0, priority: .flexible, scope: .pcpu(0))
        let second = Demand.HostEvent(name: "b", config: 0x301c0, priority: .pinned, scope: .pcpu(0))
        var host = TestHost(rules: Self.rules { $0.arbitration = .firstCome }, hostEvents: [first, second])
        host.apply(.hostInstall(event: 0))
        host.apply(.hostInstall(event: 1))
        #expect(
            host.take() == ["create host0 1301c0", "start host0 gp1", "create host1 1301c0", "error host1"])
    }

    @Test("a host task that turns up elsewhere without having been seen to leave has left")
    func wanderingTask() {
        let event = Demand.HostEvent(name: "own", config: 0x300c4, priority: .pinned, scope: .task(0))
        let actors = Demand.Actors(pcpus: 2, hostEvents: [event], hostTasks: [9])
        var machine = HostMachine(model: .skylakeSP, rules: .emulated, actors: actors, sink: StepLog())
        machine.apply(DemandOperation(time: 0, pcpu: 0, kind: .taskSwitch(to: .hostTask(0))))
        machine.apply(DemandOperation(time: 0, pcpu: 0, kind: .hostInstall(event: 0)))
        machine.apply(DemandOperation(time: 0, pcpu: 1, kind: .taskSwitch(to: .hostTask(0))))
        #expect(
            machine.scheduler.sink.steps == [
                "create host0 1300c4", "start host0 gp0", "stop host0 gp0", "start host0 gp0",
            ])
        #expect(machine.hostEvent(0).flatMap { machine.scheduler.pcpu(of: $0) } == 1)
    }

    @Test("a task's pinned event spares the system-wide flexible one if ruled so")
    func sparing() {
        let agent = Demand.HostEvent(name: "agent", config: 0x301c0, priority: .flexible, scope: .pcpu(0))
        var host = TestHost(rules: Self.rules { $0.taskPinned = .spares }, hostEvents: [agent])
        host.apply(.hostInstall(event: 0))
        host.run()
        host.write(0x186, 0x4301c0)
        host.enter()
        #expect(host.take().suffix(2) == ["create v0.gp0 1301c0", "error v0.gp0"])
    }
}
