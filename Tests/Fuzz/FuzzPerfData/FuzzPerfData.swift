import FuzzDriver
import FuzzSupport

@main
enum FuzzPerfDataMain {
    static func main() {
        FuzzDriver.main { data, size in
            FuzzTarget.perfData.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
