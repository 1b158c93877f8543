import FuzzDriver
import FuzzSupport

@main
enum FuzzScenarioMain {
    static func main() {
        FuzzDriver.main { data, size in
            FuzzTarget.scenario.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
