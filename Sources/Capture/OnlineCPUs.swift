import Glibc

/// The kernel's list of CPUs that are online, kept open: to see several times a second that it is what it was takes one
/// call of the system.
struct OnlineCPUs {
    private let file: Descriptor?
    private var text: [UInt8] = []

    init() {
        let number = open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC)
        file = number < 0 ? nil : Descriptor(number)
    }

    /// Whether the list is not what it was when last asked, or was never asked for; true where it cannot be read.
    mutating func hasChanged() -> Bool {
        guard let file else { return true }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { room in
            let length = pread(file.number, room.baseAddress, room.count, 0)
            guard length > 0 else { return true }
            let now = room[..<length]
            if now.elementsEqual(text) { return false }
            text = Array(now)
            return true
        }
    }
}
