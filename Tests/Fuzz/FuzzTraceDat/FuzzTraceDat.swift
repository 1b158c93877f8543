import FuzzDriver
import FuzzSupport

@main
enum FuzzTraceDatMain {
    static func main() {
        FuzzDriver.main { data, size in
            FuzzTarget.traceDat.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
