import Foundation

/// numpy computing what the diff computes, the way a user would write it.
struct NumpyPeer {
    private let python: PeerProgram

    /// The column of a counts file of one column starts at byte 128.
    private static let program = """
        import sys, time
        import numpy as np
        a, b = (np.memmap(p, dtype=np.uint64, mode="r", offset=128) for p in sys.argv[1:3])
        start = time.perf_counter()
        greater = np.maximum(a, b)
        distance = greater - np.minimum(a, b)
        beyond = distance > greater * 1e-5
        differing = int(np.count_nonzero(beyond))
        first = int(np.argmax(beyond)) if differing else -1
        maximum = int(distance.max())
        total = (int((distance >> np.uint64(32)).sum()) << 32) + int((distance & np.uint64(0xffffffff)).sum())
        elapsed = time.perf_counter() - start
        print(elapsed, differing, first, maximum, total)
        """

    /// Nil where there is no python3 with numpy.
    init?() {
        guard let python = PeerProgram("python3"), let probe = try? python.run(["-c", "import numpy"]),
            probe.status == 0
        else { return nil }
        self.python = python
    }

    /// Seconds of the computation, start-up taken off.
    func seconds(_ a: String, _ b: String) throws(BenchError) -> Double {
        let output = a + ".numpy"
        _ = try python.run(["-c", Self.program, a, b], expecting: [0], output: output)
        let words = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        guard let first = words.split(separator: " ").first, let seconds = Double(first) else {
            throw BenchError("numpy printed \"\(words)\"")
        }
        return seconds
    }
}
