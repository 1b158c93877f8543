import Counts
import Foundation
import Synchronization
import Testing

@testable import Bisect

@Suite("Bisection over revisions")
struct RevisionBisectionTests {
    /// A straight history in which `two` is there from the start on, `one` from `culprit` on.
    private func straight(_ count: Int, culprit: Int, broken: Set<Int> = []) -> [HistoryFixture.Revision] {
        (0..<count).map { number in
            HistoryFixture.Revision(
                words: ["revision \(number)", "two"] + (number >= culprit ? ["one"] : [])
                    + (broken.contains(number) ? ["broken"] : []),
                parents: number == 0 ? [] : [number - 1])
        }
    }

    private func found(_ finding: RevisionFinding) -> Set<String> {
        switch finding.outcome {
        case .firstBad(let commit): [commit]
        case .anyOf(let commits): Set(commits)
        }
    }

    @Test(
        "one regression among 200 revisions of which ten do not load is found in ceil(log2 n) + 2 replays",
        arguments: [1, 2, 3, 4])
    func planted(_ seed: UInt64) throws {
        var random = TestRandom(state: seed)
        let culprit = Int.random(in: 1..<199, using: &random)
        var broken: Set<Int> = []
        while broken.count < 10 { broken.insert(Int.random(in: 1..<199, using: &random)) }
        broken.subtract([culprit, culprit - 1])
        let history = try HistoryFixture(straight(200, culprit: culprit, broken: broken))
        let finding = try history.bisection().run(goods: [history.commits[0]], bad: history.commits[199])
        #expect(finding.outcome == .firstBad(history.commits[culprit]))
        #expect(finding.revisions == 199)
        #expect(finding.replays <= 8 + 2)
        #expect(finding.firstBad?.why == ["trace.vpt: guest:vm0/0 gp0 cycles: counted 7, then 0"])
        #expect(try found(finding) == history.gitBisect(good: history.commits[0], bad: history.commits[199]))
        let two = try history.bisection(jobs: 2).run(goods: [history.commits[0]], bad: history.commits[199])
        #expect(two.outcome == finding.outcome)
    }

    @Test(
        "two changes among 200 revisions that are guilty only together are found where the later one comes in",
        arguments: [5, 6])
    func together(_ seed: UInt64) throws {
        var random = TestRandom(state: seed)
        let first = Int.random(in: 1..<100, using: &random)
        let culprit = Int.random(in: first + 1..<199, using: &random)
        var broken: Set<Int> = []
        while broken.count < 10 {
            let number = Int.random(in: 1..<199, using: &random)
            if number != culprit, number != culprit - 1 { broken.insert(number) }
        }
        let revisions = (0..<200).map { number in
            HistoryFixture.Revision(
                words: ["\(number)"] + (number >= first ? ["one"] : []) + (number >= culprit ? ["two"] : [])
                    + (broken.contains(number) ? ["broken"] : []),
                parents: number == 0 ? [] : [number - 1])
        }
        let history = try HistoryFixture(revisions)
        let finding = try history.bisection().run(goods: [history.commits[0]], bad: "main")
        #expect(finding.outcome == .firstBad(history.commits[culprit]))
        let skipped = finding.probes.count { $0.answer == .skip }
        #expect(finding.replays - skipped <= 8 + 2)
        #expect(try found(finding) == history.gitBisect(good: history.commits[0], bad: "main"))
        #expect(try history.bisection(jobs: 2).run(goods: [history.commits[0]], bad: "main").outcome == finding.outcome)
    }

    @Test("two probes at once need fewer rounds than one, wherever the culprit is")
    func rounds() {
        let graph = CommitGraph(ids: (0..<199).map(String.init), parents: (0..<199).map { $0 == 0 ? [] : [$0 - 1] })
        func rounds(_ culprit: Int, _ jobs: Int) -> Int {
            var search = FirstBadSearch(graph: graph)
            var rounds = 0
            while search.state == .searching {
                search.record(search.nextProbes(jobs).map { ($0, $0 >= culprit ? .bad : .good) })
                rounds += 1
            }
            #expect(search.state == .found(culprit))
            return rounds
        }
        for culprit in 0..<199 {
            #expect(rounds(culprit, 2) < rounds(culprit, 1), "culprit \(culprit)")
            // Two answers leave a third of the candidates: ceil(log3 199).
            #expect(rounds(culprit, 2) <= 5)
        }
    }

    @Test("a merge whose two sides are guilty only together is itself the first bad commit")
    func merge() throws {
        //   0 ─ 1 ─ 2(one) ─ 3 ──── 6 ─ 7
        //        └─ 4(two) ─ 5 ──────┘
        let revisions: [HistoryFixture.Revision] = [
            .init(words: ["0"], parents: []), .init(words: ["1"], parents: [0]),
            .init(words: ["2", "one"], parents: [1]), .init(words: ["3", "one"], parents: [2]),
            .init(words: ["4", "two"], parents: [1]), .init(words: ["5", "two"], parents: [4]),
            .init(words: ["6", "one", "two"], parents: [3, 5]), .init(words: ["7", "one", "two"], parents: [6]),
        ]
        let history = try HistoryFixture(revisions)
        let finding = try history.bisection().run(goods: [history.commits[0]], bad: "main")
        #expect(finding.outcome == .firstBad(history.commits[6]))
        #expect(try found(finding) == history.gitBisect(good: history.commits[0], bad: "main"))
    }

    @Test("random histories with merges and skips give git's answer, with one job and with three", arguments: 1...6)
    func likeGit(_ seed: UInt64) throws {
        var random = TestRandom(state: seed * 77)
        let count = 60
        let culprit = Int.random(in: 2..<count - 1, using: &random)
        var revisions: [HistoryFixture.Revision] = [.init(words: ["0", "two"], parents: [])]
        var infected: Set<Int> = []
        for number in 1..<count {
            var parents = [number == count - 1 ? number - 1 : max(0, number - Int.random(in: 1...3, using: &random))]
            if Int.random(in: 0..<3, using: &random) == 0 {
                let other = Int.random(in: 0..<number, using: &random)
                if other != parents[0] { parents.append(other) }
            }
            if number == count - 1, culprit != parents[0], !parents.contains(culprit) { parents.append(culprit) }
            if number == culprit || parents.contains(where: infected.contains) { infected.insert(number) }
            // Skips crowd around the culprit, so that some searches end in candidates.
            let near = abs(number - culprit) < 4
            let broken = number < count - 1 && Int.random(in: 0..<(near ? 2 : 12), using: &random) == 0
            revisions.append(
                .init(
                    words: ["\(number)", "two"] + (infected.contains(number) ? ["one"] : [])
                        + (broken ? ["broken"] : []),
                    parents: parents))
        }
        let history = try HistoryFixture(revisions)
        let good = history.commits[0]
        let finding = try history.bisection().run(goods: [good], bad: "main")
        #expect(try found(finding) == history.gitBisect(good: good, bad: "main"))
        let many = try history.bisection(jobs: 3).run(goods: [good], bad: "main")
        #expect(found(many) == found(finding))
    }

    @Test("where skips lie next to the culprit the candidates are those of git bisect")
    func skipsBesideCulprit() throws {
        let history = try HistoryFixture(straight(40, culprit: 20, broken: [17, 18, 19, 20, 21]))
        let finding = try history.bisection().run(goods: [history.commits[0]], bad: "main")
        #expect(finding.outcome == .anyOf(history.commits[17...22].map { $0 }))
        #expect(try found(finding) == history.gitBisect(good: history.commits[0], bad: "main"))
    }

    @Test("what is remembered is not replayed again, across runs and for equal policies")
    func memory() throws {
        var revisions = straight(64, culprit: 40)
        for number in revisions.indices { revisions[number].words.removeFirst() }
        let history = try HistoryFixture(revisions)
        let path = history.folder + "/.git/vpmu/verdicts.jsonl"
        let first = try history.bisection(memory: VerdictMemory(path: path)).run(
            goods: [history.commits[0]], bad: "main")
        // Only two different policies: the good one is the reference, and each is judged once.
        #expect(first.replays == 3)
        let second = try history.bisection(memory: VerdictMemory(path: path)).run(
            goods: [history.commits[0]], bad: "main")
        #expect(second.replays == 1)
        #expect(second.outcome == first.outcome)
    }

    @Test("good and bad that cannot be what they are said to be are refused")
    func refused() throws {
        let history = try HistoryFixture(straight(8, culprit: 4))
        #expect(throws: RevisionProblem.badIsGood(history.commits[0])) {
            try history.bisection().run(goods: ["main"], bad: history.commits[0])
        }
        #expect(throws: RevisionProblem.badIsNotBad(history.commits[3], .same)) {
            try history.bisection().run(goods: [history.commits[0]], bad: history.commits[3])
        }
        #expect(throws: GitRepository.Failure.self) { try history.bisection().run(goods: ["nowhere"], bad: "main") }
    }

    @Test(
        "a policy that a command builds is built in a checkout of its own, and trees that build the same are judged once"
    )
    func built() throws {
        let revisions = straight(16, culprit: 9, broken: [3])
        let make = "grep -vx 'revision .*' policy.yaml > made.txt && ! grep -qx broken policy.yaml"
        let history = try HistoryFixture(revisions, extraFiles: ["make.sh": make])
        var bisection = history.bisection()
        bisection.source = .built(command: "sh make.sh", path: "made.txt")
        let finding = try bisection.run(goods: [history.commits[0]], bad: "main")
        #expect(finding.outcome == .firstBad(history.commits[9]))
        #expect(finding.replays == 3)
        let trees = try history.repository.run(["worktree", "list"]).text.split(separator: "\n")
        #expect(trees.count == 1)
    }

    @Test("a bisection that is called off leaves no worktree behind")
    func calledOff() throws {
        struct CalledOff: Error {}
        let history = try HistoryFixture(
            straight(16, culprit: 9, broken: []), extraFiles: ["make.sh": "cp policy.yaml made.txt"])
        var bisection = history.bisection()
        bisection.source = .built(command: "sh make.sh", path: "made.txt")
        let asked = Mutex(0)
        bisection.mayGoOn = {
            try asked.withLock {
                $0 += 1
                if $0 > 3 { throw CalledOff() }
            }
        }
        #expect(throws: CalledOff.self) { try bisection.run(goods: [history.commits[0]], bad: "main") }
        #expect(try history.repository.run(["worktree", "list"]).text.split(separator: "\n").count == 1)
    }

    @Test("a straight history of n commits takes at most ceil(log2 n) probes beside the skipped ones")
    func bound() {
        for seed in 0..<200 {
            var random = TestRandom(state: UInt64(seed))
            let count = Int.random(in: 2...300, using: &random)
            let culprit = Int.random(in: 0..<count, using: &random)
            var broken = Set(
                (0..<Int.random(in: 0...20, using: &random)).map { _ in Int.random(in: 0..<count, using: &random) })
            broken.subtract([culprit, culprit - 1, count - 1])
            let graph = CommitGraph(
                ids: (0..<count).map(String.init), parents: (0..<count).map { $0 == 0 ? [] : [$0 - 1] })
            var search = FirstBadSearch(graph: graph)
            var judged = 0
            while case .searching = search.state {
                let commit = search.nextProbes(1)[0]
                if broken.contains(commit) {
                    search.record([(commit, .skip)])
                } else {
                    judged += 1
                    search.record([(commit, commit >= culprit ? .bad : .good)])
                }
            }
            #expect(search.state == .found(culprit))
            #expect(judged <= Int(log2(Double(count)).rounded(.up)), "seed \(seed)")
        }
    }
}
