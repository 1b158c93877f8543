import FuzzDriver
import FuzzSupport

@main
enum FuzzTextMain {
    static func main() {
        FuzzDriver.main { data, size in
            FuzzTarget.text.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
