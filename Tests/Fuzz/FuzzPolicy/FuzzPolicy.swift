import FuzzDriver
import FuzzSupport

@main
enum FuzzPolicyMain {
    static func main() {
        FuzzDriver.main { data, size in
            FuzzTarget.policy.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
