import FuzzDriver
import FuzzSupport

@main
enum FuzzTraceMain {
    static func main() {
        FuzzDriver.main { data, size in
            FuzzTarget.trace.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
